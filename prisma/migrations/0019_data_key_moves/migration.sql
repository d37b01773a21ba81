-- `everhook kms rotate` wraps data keys anew: by another KMS key, or under another version of the context
-- that KMS authenticates along with them. Whose key it is and when it was made nobody changes.
ALTER TABLE hook.data_keys ADD COLUMN context_version smallint NOT NULL DEFAULT 1 CHECK (context_version > 0);
GRANT UPDATE (key_arn, context_version, wrapped) ON hook.data_keys TO hook_worker;
