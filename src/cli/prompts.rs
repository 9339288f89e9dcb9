//! `banto prompts`: which there are, whether they can be cached, where two begin to differ, and deploying them.

mod files;
mod print;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Exit,
    remote::{Remote, RemoteError, who},
};
use std::path::PathBuf;

/// Looks after prompts: lists, lints, compares and deploys them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto prompts diff assistant@v2.3 assistant@v2.4")]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists the prompts of the operator's files, with the length of each version.
    #[command(after_help = "Example:\n  banto prompts list --files shop")]
    List {
        #[command(flatten)]
        folder: Folder,
    },
    /// Finds text that changes from request to request, and versions that are too short to be cached. Exit code 1 when there
    /// is any.
    #[command(
        after_help = "Examples:\n  banto prompts lint prompt.txt\n  banto prompts lint assistant@v2.4 --files shop\n  banto prompts lint --least 2048"
    )]
    Lint {
        /// Files of text, files of prompts, or `NAME@VERSION`; without any, every prompt of the folder.
        what: Vec<String>,
        #[command(flatten)]
        folder: Folder,
        /// The fewest tokens that the provider keeps.
        #[arg(long, default_value_t = crate::engine::prompt::least::USUAL)]
        least: u64,
    },
    /// Names the first byte that differs between two prompts. Exit code 2 when they differ.
    #[command(
        after_help = "Examples:\n  banto prompts diff assistant@v2.3 assistant@v2.4\n  banto prompts diff old.txt new.txt --json"
    )]
    Diff {
        /// A file of text, or `NAME@VERSION`.
        one: String,
        /// Another.
        other: String,
        #[command(flatten)]
        folder: Folder,
    },
    /// Shows which versions are in force, what waits for the window, hit rates, and applications whose prefix changes.
    #[command(after_help = "Examples:\n  banto prompts status\n  banto prompts status --words --json")]
    Status {
        /// With the words of prefixes that change: applications sent them.
        #[arg(long)]
        words: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Puts wanted versions in force: warmed ahead and watched, within the window, or at once with `--now`.
    #[command(
        after_help = "Examples:\n  banto prompts deploy --reason 'spelling'\n  banto prompts deploy assistant@v2.4 --now --reason 'legal needs the new guardrail today'"
    )]
    Deploy {
        /// `NAME`, or `NAME@VERSION` for another than the wanted one; without any, everything that waits.
        prompts: Vec<String>,
        /// Do not wait for the window, and do not mind what lint and warming say.
        #[arg(long)]
        now: bool,
        /// Nobody takes it back by himself, whatever the provider's cache says.
        #[arg(long, requires = "now")]
        keep: bool,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Who.
        #[arg(long, default_value_t = who())]
        by: String,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Where the operator's files are.
#[derive(Clone, Debug, clap::Args)]
struct Folder {
    /// The folder with `prompts/`; without it, the files that come with the program.
    #[arg(long)]
    files: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let json = args.json;
    match args.what {
        What::List { folder } => files::list(folder.files.as_deref(), json),
        What::Lint { what, folder, least } => files::lint(&what, folder.files.as_deref(), least, json),
        What::Diff { one, other, folder } => files::diff(&one, &other, folder.files.as_deref(), json),
        What::Status { words, remote } => {
            tell(remote.get(&format!("/api/v1/prompts?words={words}")), json, print::status)
        }
        What::Deploy { prompts, now, keep, reason, by, remote } => {
            let wish = json!({ "prompts": prompts, "now": now, "keep": keep, "by": by, "reason": reason });
            tell(remote.post_patiently("/api/v1/prompts/deploy", &wish), json, print::deployment)
        }
    }
}

fn tell(answer: Result<Value, RemoteError>, json: bool, text: fn(&Value) -> String) -> Exit {
    match answer {
        Ok(answer) if json => println!("{answer:#}"),
        Ok(answer) => print!("{}", text(&answer)),
        Err(error) => {
            eprintln!("banto: {error}");
            return Exit::Failed;
        }
    }
    Exit::Done
}
