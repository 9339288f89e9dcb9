//! Arguments → one command → exit code.

fn main() -> banto::cli::Exit {
    banto::cli::run()
}
