-- The roles of Everhook and of Temporal in the Postgres of docker-compose.yml. Their passwords are for this machine
-- alone; a real deployment makes its own (docs/deployment.md).
CREATE ROLE everhook_owner LOGIN CREATEROLE PASSWORD 'everhook_owner';
CREATE ROLE hook_svc LOGIN PASSWORD 'hook_svc';
CREATE ROLE hook_worker LOGIN PASSWORD 'hook_worker';
ALTER DATABASE webhook_service OWNER TO everhook_owner;
CREATE ROLE temporal LOGIN CREATEDB PASSWORD 'temporal';
