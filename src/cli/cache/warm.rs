//! `banto cache warm`.

use serde_json::json;

use super::Common;
use crate::{cli::Exit, store::keeping::release::Release};

/// Has the questions of policies/warming.yaml asked about a title: at once, or before it comes out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  banto cache warm 'One Piece' --volume 111 --at 2026-12-04T00:00:00+09:00\n\n\
                        They are asked at the rate of the knob `warming.rate`, and not while the models have trouble.")]
pub struct Args {
    /// The title.
    title: String,
    /// Its volume; questions about a volume are left out without it.
    #[arg(long)]
    volume: Option<u32>,
    /// When it comes out.
    #[arg(long)]
    at: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let wish = json!({ "title": args.title, "volume": args.volume, "at": args.at });
    args.common.print(args.common.remote.post("/api/v1/cache/warm", &wish), |release: &Release| {
        format!("Announced: {release}. `cache.warmed` in /metrics counts what is asked for it.\n")
    })
}
