use clap::Parser;
#[derive(Parser)]
struct Cli { #[command(flatten)] t: baize_train::CxrTraining }
fn main() {
    println!("{:?}", Cli::parse().t.run().unwrap());
}
