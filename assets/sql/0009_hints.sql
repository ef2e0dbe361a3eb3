-- Rules of alerts are rows that an operator writes by hand: what is wrong with
-- one is told in words, with what would be right, as the functions tell it. The
-- constraints stay; they are for whoever goes around the trigger.

CREATE FUNCTION voicegate.check_alert_rule() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF length(NEW.name) NOT BETWEEN 1 AND 100 THEN
		RAISE EXCEPTION 'name of an alert rule out of range: % characters',
		    length(NEW.name)
		    USING ERRCODE = 'check_violation',
		    CONSTRAINT = 'alert_rule_name_short',
		    HINT = '1 to 100 characters; the alert is called by it.';
	END IF;
	IF NEW.min_count <= 0 THEN
		RAISE EXCEPTION 'min_count of an alert rule out of range: %',
		    NEW.min_count
		    USING ERRCODE = 'check_violation',
		    CONSTRAINT = 'alert_rule_counts',
		    HINT = 'So many events raise the alert: 1 or more. '
		    'To let the rule rest: enabled = false.';
	END IF;
	IF NEW.span NOT BETWEEN interval '1 second' AND interval '30 days' THEN
		RAISE EXCEPTION 'span of an alert rule out of range: %', NEW.span
		    USING ERRCODE = 'check_violation',
		    CONSTRAINT = 'alert_rule_span',
		    HINT = 'From 1 second to 30 days, like ''10 minutes''.';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION voicegate.check_alert_rule() IS
    'Trigger: tells what is wrong with a rule, and what would be right';
CREATE TRIGGER alert_rule_checked
    BEFORE INSERT OR UPDATE OF name, min_count, span ON voicegate.alert_rule
    FOR EACH ROW EXECUTE FUNCTION voicegate.check_alert_rule();
COMMENT ON TRIGGER alert_rule_checked ON voicegate.alert_rule IS
    'A wrong rule is told with a hint';
REVOKE ALL ON FUNCTION voicegate.check_alert_rule() FROM PUBLIC;
