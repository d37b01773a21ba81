-- Deliveries of the direct lane that a process accepted which makes no attempts; a worker takes them at once.
CREATE INDEX deliveries_offered ON hook.deliveries (claimed_until) WHERE claimed_by = 'direct';
