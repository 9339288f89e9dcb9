//! Drills: incidents that can be had again, as often as wanted, with and without the controller.
//!
//! A drill is a file ([`plan`]): a fleet, its users and what breaks when. [`run`] plays it under virtual time against the
//! real engine with the shipped alarms and policies; the drill shapes traffic ([`traffic`], [`user`]) and breaks the world
//! ([`world`]), and reaches into neither engine nor controller. What users saw ([`ledger`]) is graded ([`grade`]) and put
//! beside the numbers of the incident that the drill re-enacts ([`report`]).
//!
//! One seed makes one report, byte for byte. Every arrival is drawn before the run starts and every user carries dice of
//! their own, so both runs of a drill meet the same people asking the same things at the same moments.

pub mod expect;
pub mod facts;
pub mod fleet;
pub mod grade;
pub mod house;
pub mod ledger;
pub mod offset;
pub mod plan;
pub mod question;
pub mod report;
pub mod run;
pub mod story;
pub mod traffic;
pub mod user;
pub mod watched;
pub mod world;
