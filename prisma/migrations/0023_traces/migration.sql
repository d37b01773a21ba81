-- The span of the request that published the event, as W3C traceparent, so that attempts join its trace whenever and
-- wherever they are made. Null for what was not sampled.
ALTER TABLE hook.events ADD COLUMN traceparent text;
