//! `banto alarms test`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    cli::Exit,
    config::{files::Files, problem::Problems},
    controller::judge::{
        rules::Rules,
        trial::{Failure, Trial},
    },
    units::{Figure, TimeSpan},
};

/// Runs the unit tests of alarms.
///
/// A test is a document `alarm_test:` with series, one value per interval as promtool writes them (`0x10 120x3 _ 5`), and
/// the states expected after some time:
///
///     banto alarms test
///     banto alarms test shop/alarms
///     banto alarms test alarms/tests/stampede.yaml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A folder of alarms and their tests, or one file of tests beside or below its alarms; the shipped ones when absent.
    path: Option<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let (alarms, tests) = match files(args.path.as_deref()) {
        Ok(files) => files,
        Err(error) => {
            let path = args.path.as_deref().unwrap_or(Path::new("")).display();
            eprintln!("banto: cannot read {path}: {error}");
            return Exit::Failed;
        }
    };
    let mut problems = Problems::default();
    let rules = Rules::read(alarms.below(""), &mut problems);
    let trials = Trial::read(tests.below(""), &rules, &mut problems);
    if !problems.is_empty() {
        eprintln!("{problems}");
        return Exit::Misconfigured;
    }
    let results: Vec<_> = trials.iter().map(|trial| (trial, trial.run(&rules))).collect();
    let failed = results.iter().filter(|(_, failures)| !failures.is_empty()).count();
    // Whoever closes the pipe early has seen enough.
    let _ = if args.json { print_json(&results, failed) } else { print(&results, failed) };
    if failed > 0 || results.is_empty() { Exit::Failed } else { Exit::Done }
}

/// The alarms, and the tests to be run on them.
fn files(path: Option<&Path>) -> io::Result<(Files, Files)> {
    let Some(path) = path else {
        let shipped = Files::shipped().only("alarms/");
        return Ok((shipped.clone(), shipped));
    };
    if path.is_dir() {
        let all = whole(path)?;
        let alarms = if all.below("alarms/").next().is_some() { all.only("alarms/") } else { all };
        return Ok((alarms.clone(), alarms));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let above = folder.file_name().is_some_and(|name| name == "tests").then(|| folder.parent()).flatten();
    let alarms = whole(above.filter(|above| !above.as_os_str().is_empty()).unwrap_or(folder))?;
    let text = std::fs::read_to_string(path)?;
    Ok((alarms, Files::of([(&*path.to_string_lossy(), text.as_str())])))
}

/// A folder of which every file can be read.
fn whole(folder: &Path) -> io::Result<Files> {
    let mut problems = Problems::default();
    let files = Files::read(folder, &mut problems)?;
    problems.or(files).map_err(io::Error::other)
}

fn print(results: &[(&Trial, Vec<Failure>)], failed: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (trial, failures) in results {
        let verdict = if failures.is_empty() { "ok  " } else { "FAIL" };
        writeln!(out, "{verdict}  {} ({} states)", trial.name, trial.expectations())?;
        for Failure { place, at, expected, found } in failures {
            writeln!(out, "      {place}: after {} {} is", TimeSpan(*at), found.alarm)?;
            writeln!(out, "        - expected  {expected}")?;
            writeln!(out, "        + found     {}, because: {}", found.state, found.reason)?;
            if !found.points.is_empty() {
                let points =
                    found.points.iter().map(|point| point.map_or("_".into(), |value| Figure(value).to_string()));
                writeln!(out, "          points    {}", points.collect::<Vec<_>>().join(" "))?;
            }
        }
    }
    match results.len() {
        0 => writeln!(out, "no tests were found. They are documents that start with `alarm_test:`"),
        tests => writeln!(out, "{tests} tests, {failed} failed"),
    }
}

fn print_json(results: &[(&Trial, Vec<Failure>)], failed: usize) -> io::Result<()> {
    let failure = |failure: &Failure| {
        json!({
            "place": failure.place.to_string(),
            "after_s": failure.at.as_secs_f64(),
            "alarm": failure.found.alarm,
            "expected": failure.expected,
            "found": failure.found.state,
            "reason": failure.found.reason,
            "points": failure.found.points,
        })
    };
    let test = |(trial, failures): &(&Trial, Vec<Failure>)| {
        json!({
            "test": trial.name,
            "place": trial.place.to_string(),
            "states": trial.expectations(),
            "passed": failures.is_empty(),
            "failures": failures.iter().map(failure).collect::<Vec<Value>>(),
        })
    };
    let tests: Vec<Value> = results.iter().map(test).collect();
    writeln!(io::stdout().lock(), "{}", json!({ "tests": tests, "failed": failed }))
}
