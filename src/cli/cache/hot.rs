//! `banto cache hot`.

use super::{Common, list::table, terminal::Terminal};
use crate::{api::admin::cache::shown::Listed, cli::Exit, clock::Clock};

/// Shows the most hit entries, most first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto cache hot --most 20")]
pub struct Args {
    /// How many.
    #[arg(long, default_value_t = 20)]
    most: usize,
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let answer = args.common.remote.get_patiently(&format!("/api/v1/cache/hot?most={}", args.most));
    args.common.print(answer, |entries: &Vec<Listed>| match entries.as_slice() {
        [] => "Nothing was served from the cache yet, or not for the last few seconds.\n".into(),
        entries => table(entries, Clock::system().now(), Terminal::here()),
    })
}
