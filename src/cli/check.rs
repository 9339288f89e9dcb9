//! `banto check`.

use std::path::PathBuf;

use serde::Serialize;

use super::Exit;
use crate::{
    app::{
        settings::{Overrides, Settings},
        shop::Shop,
    },
    config::{
        files::Files,
        problem::{Place, Problem, Problems},
    },
    controller::rulebook::Rulebook,
    drill::plan::Plan,
    engine::model::configured::ModelSettings,
    knob::catalogue::EngineDefaults,
};

/// Finds every mistake in configuration, alarms, policies and drills.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  banto check                     # the shipped files\n  banto check /etc/banto/shop     # \
    a folder with alarms/, policies/, …\n  banto check --config banto.yaml # a configuration and the files that it names"
)]
pub struct Args {
    /// A folder with alarms/, policies/, drills/; without it the files that the configuration names, or the shipped ones.
    path: Option<PathBuf>,
    /// The configuration file.
    #[arg(long, env = "BANTO_CONFIG")]
    config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was looked at.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Checked {
    alarms: usize,
    composites: usize,
    diagnoses: usize,
    policies: usize,
    intents: usize,
    mappings: usize,
    drills: usize,
}

#[derive(Serialize)]
struct Report<'a> {
    checked: &'a Checked,
    problems: Vec<Said<'a>>,
}

#[derive(Serialize)]
struct Said<'a> {
    file: &'a str,
    line: u64,
    column: u64,
    what: &'a str,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let mut problems = Problems::default();
    let checked = check(&args, &mut problems);
    let problems = problems.sorted();
    if args.json {
        let said = problems.iter().map(said).collect();
        println!("{}", serde_json::to_string_pretty(&Report { checked: &checked, problems: said }).unwrap_or_default());
    } else {
        print!("{}", text(&checked, &problems));
    }
    if problems.is_empty() { Exit::Done } else { Exit::Misconfigured }
}

fn said(problem: &Problem) -> Said<'_> {
    let Place { file, line, column } = &problem.place;
    Said { file, line: *line, column: *column, what: &problem.what }
}

fn text(checked: &Checked, problems: &[Problem]) -> String {
    let Checked { alarms, composites, diagnoses, policies, intents, mappings, drills } = checked;
    let looked = format!(
        "{alarms} alarms, {composites} composites, {diagnoses} decision trees, {policies} policies, {intents} intents, \
         {mappings} event mappings, {drills} drills"
    );
    match problems {
        [] => format!("{looked}: nothing is wrong\n"),
        _ => {
            let lines: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
            let s = if problems.len() == 1 { "" } else { "s" };
            format!("{lines}{} problem{s} in what was read: {looked}\n", problems.len())
        }
    }
}

/// Reads everything that can be read and notes what is wrong with it.
fn check(args: &Args, problems: &mut Problems) -> Checked {
    let settings = Settings::load(args.config.as_deref(), Overrides::default()).unwrap_or_else(|wrong| {
        problems.extend(wrong);
        Settings::default()
    });
    let folder = args.path.as_ref().or(settings.files.as_ref());
    let files = match folder.map(|folder| (folder, Files::read(folder, problems))) {
        None => Files::shipped(),
        Some((_, Ok(files))) => files,
        Some((folder, Err(error))) => {
            let place = Place { file: folder.display().to_string().into(), line: 0, column: 0 };
            problems.add(&place, format!("cannot be read: {error}. Name a folder with alarms/ and policies/"));
            return Checked::default();
        }
    };
    check_files(&files, &settings, problems)
}

fn check_files(files: &Files, settings: &Settings, problems: &mut Problems) -> Checked {
    let mut checked = Checked::default();
    let shop = Shop::load(files, problems);
    let engine =
        EngineDefaults { rate: settings.limits.rate, burst: settings.limits.burst, ..EngineDefaults::default() };
    let models: Vec<_> = settings.models.iter().map(ModelSettings::defaults).collect();
    // Without its intents a shop has no thresholds and TTLs to turn, and every policy would be blamed for that.
    if let Some(shop) = &shop {
        let book = Rulebook::load(files, &shop.knobs(&engine, &models), problems);
        checked.intents = shop.understanding.intents().count();
        checked.mappings = shop.mappings.len();
        checked.alarms = book.rules.alarms().count();
        checked.composites = book.rules.composites().count();
        checked.diagnoses = book.trees.len();
        checked.policies = book.policies.len();
    }
    match Plan::all(files) {
        Ok(plans) => checked.drills = plans.len(),
        Err(wrong) => problems.extend(wrong),
    }
    checked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_is_right_and_counted() {
        let mut problems = Problems::default();
        let checked = check_files(&Files::shipped(), &Settings::default(), &mut problems);
        assert!(problems.is_empty(), "{problems}");
        assert!(checked.alarms > 40 && checked.policies >= 8 && checked.intents >= 12, "{checked:?}");
        assert!(text(&checked, &[]).ends_with(": nothing is wrong\n"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let args = Args { path: Some("/no/such/folder".into()), config: None, json: false };
        let mut problems = Problems::default();
        check(&args, &mut problems);
        let said = problems.sorted().remove(0).to_string();
        assert!(said.starts_with("/no/such/folder: cannot be read: "), "{said}");
    }
}
