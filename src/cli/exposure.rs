//! `banto exposure`: who was quoted which price by the cache, what it should have been, and what is owed.

mod print;
mod source;
mod when;

use std::{collections::BTreeMap, path::PathBuf};

use super::{Exit, remote::Remote};
use crate::{
    engine::{
        exposure::report::{Truth, report},
        price,
    },
    money::{Currency, Money},
    units::Usd,
};
use source::Source;
use when::When;

/// Lists the users who were served a stale or cached price, with the true price, the difference and what to do.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  banto exposure --product 'One Piece' --from '2026-11-23 00:00' --to '2026-11-23 11:15' --zone Asia/Tokyo \
     --true-price '¥528' --rate JPY=0.0067\n  banto exposure --from 2026-11-23 --catalogue --rate JPY=0.0067 --format csv > affected.csv\n  \
     banto exposure --file /var/lib/banto/exposure.sqlite --product B08X1YRSTR --from 2026-11-23 --true-price '8980 JPY'"
)]
pub struct Args {
    /// A title, an alias or a product id; without it every product.
    #[arg(long)]
    product: Option<String>,
    /// From when: `2026-11-23 10:15`, `2026-11-23`, or RFC 3339.
    #[arg(long)]
    from: String,
    /// Until when; now without it.
    #[arg(long)]
    to: Option<String>,
    /// The time zone of both.
    #[arg(long, default_value = "UTC", value_parser = zone)]
    zone: chrono_tz::Tz,
    /// What the product really cost: `¥528`, `9.99 USD`. Needs `--product`.
    #[arg(long, requires = "product", conflicts_with = "catalogue", value_parser = money)]
    true_price: Option<Money>,
    /// Ask the live catalogue what each product costs now.
    #[arg(long)]
    catalogue: bool,
    /// Dollars for one unit of a currency, as in `JPY=0.0067`; needed to class amounts that are not in dollars.
    #[arg(long = "rate", value_parser = rate)]
    rates: Vec<(Currency, f64)>,
    /// Up to this sum in US dollars a user's quoted prices are honoured; above it he is contacted.
    #[arg(long, default_value_t = 10.0, value_parser = threshold)]
    threshold: f64,
    /// How to print it.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Print JSON; the same as `--format json`.
    #[arg(long)]
    json: bool,
    /// Read a node's trail instead of asking a running Banto; may be given several times.
    #[arg(long = "file")]
    files: Vec<PathBuf>,
    /// With `--file`: the configuration, for titles and the catalogue.
    #[arg(long, env = "BANTO_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For spreadsheets.
    Csv,
    /// For programs.
    Json,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    match try_run(&args) {
        Ok(text) => {
            print!("{text}");
            Exit::Done
        }
        Err(why) => {
            eprintln!("banto: {why}");
            Exit::Failed
        }
    }
}

fn try_run(args: &Args) -> Result<String, String> {
    let when = When::read(&args.from, args.to.as_deref(), args.zone)?;
    let source = Source::open(args)?;
    let (products, rows) = source.rows(args.product.as_deref(), when)?;
    let prices = match args.true_price {
        Some(price) => products.iter().map(|tag| (tag.clone(), vec![price])).collect(),
        None if args.catalogue => source.prices(&rows, &products)?,
        None => BTreeMap::new(),
    };
    let threshold = Usd::micros((args.threshold * 1e6).round() as i64);
    let truth = Truth { prices, rates: args.rates.iter().copied().collect(), threshold };
    let lines = report(&rows, &products, &truth);
    Ok(match args.format {
        _ if args.json => print::json(&lines, rows.len()),
        Format::Json => print::json(&lines, rows.len()),
        Format::Csv => print::csv(&lines),
        Format::Table => print::table(&lines, rows.len(), &truth),
    })
}

fn zone(text: &str) -> Result<chrono_tz::Tz, String> {
    text.parse().map_err(|_| format!("`{text}` is not a time zone; write for example `Asia/Tokyo`"))
}

fn money(text: &str) -> Result<Money, String> {
    price::only(text)
        .ok_or_else(|| format!("`{text}` is not one price with its currency; write for example `¥528` or `9.99 USD`"))
}

fn rate(text: &str) -> Result<(Currency, f64), String> {
    let wrong = || format!("`{text}` is not a rate; write the dollars for one unit, as in `JPY=0.0067`");
    let (code, dollars) = text.split_once('=').ok_or_else(wrong)?;
    let dollars: f64 = dollars.trim().parse().map_err(|_| wrong())?;
    let currency = Currency::from_code(code).ok_or_else(wrong)?;
    if dollars.is_finite() && dollars > 0.0 { Ok((currency, dollars)) } else { Err(wrong()) }
}

fn threshold(text: &str) -> Result<f64, String> {
    let sum: f64 = text.parse().map_err(|_| format!("`{text}` is not a sum of dollars; write for example 10"))?;
    if (0.0..=1e9).contains(&sum) { Ok(sum) } else { Err(format!("{sum} is no sum to decide by; use 0 or more")) }
}
