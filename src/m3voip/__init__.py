"""m3voip: the telephony and call centre of a CRM. The tree is explained in README.md."""

__version__ = "0.1.0"
