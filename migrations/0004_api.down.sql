drop table audit, idempotency_key, api_key;
