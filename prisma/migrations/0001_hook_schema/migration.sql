-- The schema and the two roles that work in it. The roles get their login and password from
-- whoever runs the database (docs/deployment.md); roles belong to the whole cluster, so that
-- another database, migrated at the same moment, may have created them already.
CREATE SCHEMA IF NOT EXISTS hook;

DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['hook_svc', 'hook_worker'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
END
$$;

GRANT USAGE ON SCHEMA hook TO hook_svc, hook_worker;
