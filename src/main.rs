//! Arguments → one command → exit code.

/// A request makes some hundred short-lived allocations on whatever thread it runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> banto::cli::Exit {
    banto::cli::run()
}
