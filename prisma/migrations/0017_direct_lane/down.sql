DROP INDEX hook.deliveries_offered;
