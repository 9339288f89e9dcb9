//! Alarms and dashboards as files against CloudWatch: what would change, then change it, then nothing left to change.
//!
//! [`plan`] compares field by field and is pure; [`apply`] carries a plan out, slowly enough for CloudWatch. [`alarm`] and
//! [`dashboard`] say what there is to deploy. Only what carries our mark is ever deleted.

pub mod alarm;
pub mod apply;
pub mod cloud;
pub mod dashboard;
pub mod grafana;
pub mod panel;
pub mod plan;
