DROP INDEX hook.deliveries_overdue;
