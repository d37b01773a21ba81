-- Keys that were wrapped under another version than 1 could not be opened any more.
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM hook.data_keys WHERE context_version <> 1) THEN
    RAISE EXCEPTION 'data keys are wrapped under a context version above 1: set KMS_CONTEXT_VERSION=1 and run everhook kms rotate first';
  END IF;
END
$$;
REVOKE UPDATE (key_arn, context_version, wrapped) ON hook.data_keys FROM hook_worker;
ALTER TABLE hook.data_keys DROP COLUMN context_version;
