//! Alarms and dashboards as files against CloudWatch: what would change, then change it, then nothing left to change.
