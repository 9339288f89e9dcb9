//! Alarms: are the rules of `alarms/` true now? Pure.
