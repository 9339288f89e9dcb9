//! `banto alarms replay`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{
    cli::Exit,
    config::{files::Files, problem::Problems},
    controller::judge::{
        replay::{Evaluation, replay, rows},
        rule::Alarm,
        rules::Rules,
    },
    units::Figure,
};

/// Runs one alarm over recorded rows and prints one line per evaluation: time, value, state, reason.
///
/// The rows are `timestamp,value`, by time: ISO-8601 or seconds since 1970; an empty value is missing data. Where the alarm
/// judges an expression, the values are those of the expression:
///
///     banto alarms replay --alarm alarms/stampede.yaml#ModelThrottleRate --csv throttles.csv
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The file of the alarm, and its name where the file has several: FILE or FILE#NAME.
    #[arg(long, value_name = "FILE[#NAME]")]
    alarm: String,
    /// The recorded rows.
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// Prints one JSON object per line.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    match evaluations(args) {
        Ok(evaluations) => {
            // Whoever closes the pipe early has seen enough.
            let _ = print(&evaluations, args.json);
            Exit::Done
        }
        Err((exit, what)) => {
            eprintln!("{}", what.trim_end());
            exit
        }
    }
}

fn evaluations(args: &Args) -> Result<Vec<Evaluation>, (Exit, String)> {
    let alarm = alarm(&args.alarm)?;
    let csv = read(&args.csv)?;
    let rows = rows(&csv).map_err(|bad| {
        let lines = bad.iter().map(|row| format!("{}:{}: {}\n", args.csv.display(), row.line, row.what));
        (Exit::Misconfigured, lines.collect())
    })?;
    replay(&alarm, &rows).map_err(|what| (Exit::Misconfigured, format!("{}: {what}", args.csv.display())))
}

/// The alarm that FILE or FILE#NAME means. Composites of the same file may name alarms of others, so only what is wrong
/// with the alarm itself matters.
fn alarm(wanted: &str) -> Result<Alarm, (Exit, String)> {
    let (path, name) = match wanted.rsplit_once('#') {
        Some((path, name)) if !Path::new(wanted).exists() => (path, Some(name)),
        _ => (wanted, None),
    };
    let text = read(Path::new(path))?;
    let mut problems = Problems::default();
    let files = Files::of([(path, text.as_str())]);
    let rules = Rules::read(files.below(""), &mut problems);
    let names: Vec<_> = rules.alarms().map(|alarm| alarm.card.name.to_string()).collect();
    let found = match (name, &names[..]) {
        (Some(name), _) => rules.alarm(name),
        (None, [only]) => rules.alarm(only),
        (None, _) => None,
    };
    if let Some(alarm) = found {
        return Ok(alarm.clone());
    }
    if !problems.is_empty() {
        return Err((Exit::Misconfigured, problems.to_string()));
    }
    let what = match name {
        Some(name) if rules.composite(name).is_some() => format!("{path}: `{name}` is a composite, which has no rows"),
        Some(name) => format!("{path}: no alarm is called `{name}`. The file has: {}", names.join(", ")),
        None => format!("{path} has {} alarms. Say which: {path}#NAME, one of {}", names.len(), names.join(", ")),
    };
    Err((Exit::Misconfigured, what))
}

fn read(path: &Path) -> Result<String, (Exit, String)> {
    std::fs::read_to_string(path)
        .map_err(|error| (Exit::Failed, format!("banto: cannot read {}: {error}", path.display())))
}

fn print(evaluations: &[Evaluation], json: bool) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for evaluation in evaluations {
        if json {
            serde_json::to_writer(&mut out, evaluation)?;
            writeln!(out)?;
        } else {
            let Evaluation { time, value, state, reason } = evaluation;
            let value = value.map_or("-".to_owned(), |value| Figure(value).to_string());
            writeln!(out, "{time}  {value:>10}  {:<17}  {reason}", state.to_string())?;
        }
    }
    out.flush()
}
