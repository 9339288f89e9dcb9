//! Commands: one file each. Arguments in, exit code out.

pub mod alarms;
pub mod approve;
pub mod cache;
pub mod check;
pub mod cloud;
pub mod dashboards;
pub mod docs;
pub mod drill;
pub mod endpoints;
pub mod events;
pub mod exposure;
pub mod hold;
pub mod incidents;
pub mod knobs;
pub mod messages;
pub mod nodes;
pub mod prompts;
pub mod remote;
pub mod resume;
pub mod serve;
pub mod simulate;
pub mod size_pool;

use std::process::{ExitCode, Termination};

use std::path::Path;

use clap::{Parser, Subcommand};

use crate::config::{files::Files, problem::Problems};

/// Banto answers an LLM application's requests through a cache and a fallback cascade, and runs its on-call runbooks.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the engine and the controller.
    Serve(serve::Args),
    /// Finds every mistake in configuration, alarms, policies and dashboards.
    Check(check::Args),
    /// Lists and runs drills.
    Drill(drill::Args),
    /// Tries events on the mappings, sends them, and looks after those that could not be applied.
    Events(events::Args),
    /// Tests, replays, plans and applies alarms.
    Alarms(alarms::Args),
    /// Builds, plans and applies dashboards.
    Dashboards(dashboards::Args),
    /// Looks into the cache, and measures how right its answers are.
    Cache(cache::Args),
    /// Reads and turns knobs of a running Banto.
    Knobs(knobs::Args),
    /// Shows what happened and what was done.
    Incidents(incidents::Args),
    /// Lists who was served a stale or wrong price by the cache.
    Exposure(exposure::Args),
    /// Shows how users take what they are told while no model can answer.
    Messages(messages::Args),
    /// Shows what a running Banto connects to, and whether it can.
    Endpoints(endpoints::Args),
    /// Lists, lints, compares and deploys prompts.
    Prompts(prompts::Args),
    /// Shows the engines that a controller watches, and who lags behind the knobs.
    Nodes(nodes::Args),
    /// Stops the controller from acting, until `banto resume`.
    Hold(hold::Args),
    /// Lets a held controller act again.
    Resume(resume::Args),
    /// Approves or rejects a proposed remedy.
    Approve(approve::Args),
    /// Calculates a model's pool.
    SizePool(size_pool::Args),
    /// Breaks or mends a simulated model of a running Banto.
    Simulate(simulate::Args),
    /// Writes the pages that are made from the program itself.
    Docs(docs::Args),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All well: 0.
    Done,
    /// It did not work, and said why: 1.
    Failed,
    /// There is something to change, as asked for by `plan`: 2.
    Differs,
    /// The operator's files are wrong: 78, `EX_CONFIG`.
    Misconfigured,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Failed => ExitCode::FAILURE,
            Self::Differs => ExitCode::from(2),
            Self::Misconfigured => ExitCode::from(78),
        }
    }
}

/// The operator's files in a folder, each of which can be read.
///
/// # Errors
/// How the command ends, after saying what is wrong with them.
fn read_files(folder: &Path) -> Result<Files, Exit> {
    let mut problems = Problems::default();
    let files = Files::read(folder, &mut problems).map_err(|error| {
        eprintln!("banto: cannot read {}: {error}", folder.display());
        Exit::Failed
    })?;
    problems.or(files).map_err(|problems| {
        eprintln!("{problems}");
        Exit::Misconfigured
    })
}

/// Reads the arguments and runs the command that they name.
pub fn run() -> Exit {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Check(args) => check::run(args),
        Command::Drill(args) => drill::run(args),
        Command::Events(args) => events::run(args),
        Command::Alarms(args) => alarms::run(args),
        Command::Dashboards(args) => dashboards::run(args),
        Command::Cache(args) => cache::run(args),
        Command::Knobs(args) => knobs::run(args),
        Command::Incidents(args) => incidents::run(args),
        Command::Exposure(args) => exposure::run(args),
        Command::Messages(args) => messages::run(args),
        Command::Endpoints(args) => endpoints::run(args),
        Command::Prompts(args) => prompts::run(args),
        Command::Nodes(args) => nodes::run(args),
        Command::Hold(args) => hold::run(args),
        Command::Resume(args) => resume::run(args),
        Command::Approve(args) => approve::run(args),
        Command::SizePool(args) => size_pool::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Docs(args) => docs::run(args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Every command that does something, with the words that call it.
    fn leaves(words: &str, command: clap::Command) -> Vec<(String, clap::Command)> {
        if command.get_subcommands().next().is_none() {
            return vec![(words.to_owned(), command)];
        }
        let deeper = command.get_subcommands().filter(|inner| inner.get_name() != "help").cloned();
        deeper.flat_map(|inner| leaves(&format!("{words} {}", inner.get_name()), inner)).collect()
    }

    #[test]
    fn every_command_shows_an_example_of_itself() {
        let mut root = Cli::command();
        root.build();
        for (words, mut command) in leaves("banto", root) {
            let help = command.render_long_help().to_string();
            assert!(
                help.replace("Usage: ", "").matches(&words).count() > 1,
                "`{words} --help` has no example:\n{help}"
            );
        }
    }

    #[test]
    fn every_command_that_answers_can_answer_in_json() {
        // These write pages, logs and JSON lines anyway; `serve` has `--json-logs`.
        let other = ["banto serve", "banto docs metrics", "banto docs schema", "banto cache labels"];
        let mut root = Cli::command();
        root.build();
        for (words, command) in leaves("banto", root).iter().filter(|(words, _)| !other.contains(&words.as_str())) {
            let json = command.get_arguments().any(|argument| argument.get_long() == Some("json"));
            assert!(json, "`{words}` has no --json");
        }
    }
}
