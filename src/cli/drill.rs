//! `banto drill`.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use clap::{Subcommand, ValueEnum};

use super::Exit;
use crate::{
    config::{files::Files, problem::Problems},
    drill::{
        expect::Side,
        house::House,
        plan::Plan,
        report::{html, json, text},
        run::{Played, play},
    },
};

/// Lists and runs drills.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists the drills that come with the program.
    #[command(after_help = "Example:\n  banto drill list --json")]
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Runs a drill with and without the controller and grades both runs.
    #[command(after_help = "Example: banto drill run stampede --html stampede.html")]
    Run(RunArgs),
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// A drill of the list, or a drill file.
    drill: String,
    /// Another seed than the drill's own; one seed always gives one report.
    #[arg(long)]
    seed: Option<u64>,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
    /// Writes the report with charts to this file, as one page without any outside parts.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// A folder with your own `alarms/` and `policies/`, instead of those that come with the program.
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
    /// Only one of the two runs.
    #[arg(long, value_name = "RUN")]
    only: Option<Only>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    /// With the controller.
    With,
    /// Without it.
    Without,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    match args.what {
        What::List { json } => list(json),
        What::Run(args) => run_one(&args),
    }
}

fn list(json: bool) -> Exit {
    let plans = match Plan::all(&Files::shipped()) {
        Ok(plans) => plans,
        Err(problems) => return misconfigured(&problems),
    };
    if json {
        let row = |plan: &Plan| {
            serde_json::json!({
                "drill": &*plan.name, "about": plan.about, "incident": plan.incident.from, "seed": plan.seed, "nodes": plan.nodes,
            })
        };
        println!("{:#}", plans.iter().map(row).collect::<serde_json::Value>());
    } else {
        for plan in &plans {
            println!("{:16}{}", plan.name, plan.incident.from);
        }
    }
    Exit::Done
}

fn run_one(args: &RunArgs) -> Exit {
    let (files, plan) = match files(args.files.as_deref()).and_then(|files| Ok((files, find(&args.drill)?))) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let only = args.only.map(|only| match only {
        Only::With => Side::With,
        Only::Without => Side::Without,
    });
    let progress = Progress::new();
    let played = play(
        &plan,
        args.seed.unwrap_or(plan.seed),
        only,
        |setting| House::open(setting, &files),
        |side, done| progress.show(side, done),
    );
    progress.clear();
    match played {
        Ok(played) => report(args, &played),
        Err(error) => {
            eprintln!("banto: {error}");
            Exit::Failed
        }
    }
}

/// The alarms and policies to drill with.
fn files(folder: Option<&Path>) -> Result<Files, Exit> {
    let Some(folder) = folder else { return Ok(Files::shipped()) };
    super::read_files(folder)
}

/// A drill by its name, or the only one of a file.
fn find(name: &str) -> Result<Plan, Exit> {
    let path = PathBuf::from(name);
    let plans = if path.extension().is_some() || path.is_file() {
        let text = std::fs::read_to_string(&path).map_err(|error| {
            eprintln!("banto: {name} cannot be read: {error}");
            Exit::Failed
        })?;
        Plan::read(name, &text)
    } else {
        Plan::all(&Files::shipped())
    };
    let mut plans = plans.map_err(|problems| misconfigured(&problems))?;
    let is_file = path.extension().is_some() || path.is_file();
    let at = plans.iter().position(|plan| is_file || &*plan.name == name);
    at.map(|at| plans.swap_remove(at)).ok_or_else(|| {
        let known = plans.iter().map(|plan| &*plan.name).collect::<Vec<_>>().join(", ");
        eprintln!("banto: no drill is called `{name}`; there are {known}. A file of your own needs its path");
        Exit::Failed
    })
}

fn report(args: &RunArgs, played: &Played) -> Exit {
    if let Some(path) = &args.html
        && let Err(error) = std::fs::write(path, html::page(played))
    {
        eprintln!("banto: {} cannot be written: {error}", path.display());
        return Exit::Failed;
    }
    if args.json {
        print!("{}", json::report(played));
    } else {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        print!("{}", text::report(played, text::Paint { colour }));
    }
    if played.disappointments().is_empty() { Exit::Done } else { Exit::Failed }
}

fn misconfigured(problems: &Problems) -> Exit {
    eprintln!("{problems}");
    Exit::Misconfigured
}

/// How far the runs have come, on the last line of a terminal; nothing elsewhere.
struct Progress(Option<Mutex<[u8; 2]>>);

impl Progress {
    fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(Mutex::default))
    }

    fn show(&self, side: Side, done: f64) {
        let Some(percents) = &self.0 else { return };
        let mut percents = percents.lock().unwrap_or_else(PoisonError::into_inner);
        let percent = (done * 100.0) as u8;
        if std::mem::replace(&mut percents[side as usize], percent) != percent {
            eprint!("\r\x1b[Kwith the controller {} %, without {} %", percents[0], percents[1]);
        }
    }

    fn clear(&self) {
        if self.0.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
