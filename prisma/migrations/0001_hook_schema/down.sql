-- The roles stay: other databases of the cluster may use them.
DROP SCHEMA hook CASCADE;
