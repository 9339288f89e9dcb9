//! The memory budgets as the knobs say now.

use super::{board::Board, catalogue::BUDGET, value::Value};
use crate::store::keeping::budgets::Shares;

/// Which share of the store's memory each intent may take.
pub fn shares(board: &Board) -> Shares {
    let catalogue = board.catalogue();
    let names = catalogue.iter().map(|(name, _)| name);
    let share = |name: &str| match board.get(name)?.value {
        Value::Ratio(share) => Some((name.strip_prefix(BUDGET)?.into(), share)),
        _ => None,
    };
    names.filter(|name| name.starts_with(BUDGET)).filter_map(|name| share(name)).collect()
}
