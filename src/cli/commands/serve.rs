//! `serve`: the page of the newest run, live.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::runs::{Follower, Runs};
use crate::cli::signals::shutdown_signal;
use crate::cli::ui::stdout;
use infra_serve::Server;
use infra_timeline::html::View;

/// How often it is looked whether there is more of the run.
const INTERVAL: Duration = Duration::from_millis(500);

/// Show the newest run in a browser on this machine, live.
///
/// Start it in a second terminal, before or during `up`, `down`, `cutover` or `rehearse`, and open the address that it
/// prints. The page is the one of `timeline`, and changes by itself. It follows the newest run: when a command was
/// killed and is run again, the page shows the new run. Nothing can be changed, and only who knows the address can read
/// it. Ctrl-C stops it. See docs/timeline.md.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra serve --sandbox\n  migrate-infra serve --port 8080")]
pub struct ServeArgs {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
}

pub(in crate::cli) async fn run(app: &App, args: &ServeArgs) -> Result<u8, Failure> {
    let (views, receiver) = watch::channel(View::without_run(&app.workspace.config.stack.id()));
    let server = Server::listen(args.port, receiver).await.map_err(|error| {
        CliError::new(Exit::Failed, format!("cannot listen on port {} of 127.0.0.1", args.port))
            .because(&error)
            .hint("without `--port`, a free port is taken")
    })?;
    let url = server.url();
    if app.options.is_json() {
        stdout(&json!({ "url": url }).to_string());
    } else {
        stdout(&url);
        app.info("Ctrl-C stops it");
    }
    tokio::select! {
        never = server.run() => match never {},
        () = follow(Runs::of(&app.workspace.directory()), views) => {}
        _ = shutdown_signal() => {}
    }
    Ok(0)
}

/// Sends a view for each change of the newest run, until nobody listens.
async fn follow(runs: Runs, views: watch::Sender<View>) {
    let mut follower = Follower::of(runs);
    while !views.is_closed() {
        let began = Instant::now();
        let read = spawn_blocking(move || {
            let view = follower.news().map(|timeline| View::of(&timeline));
            (follower, view)
        });
        let Ok((returned, view)) = read.await else { return };
        follower = returned;
        if let Some(view) = view {
            views.send_replace(view);
        }
        // A large run takes longer to read and to draw: most of the time is left for the run itself.
        sleep(INTERVAL.max(began.elapsed() * 10)).await;
    }
}
