drop table scorecard, scorecard_form_version, scorecard_form;
