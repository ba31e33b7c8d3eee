//! A real process under test: started, read while it runs, stopped.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::eventually;

/// One of a process's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A process that is killed when the test lets go of it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdout: Arc<Output>,
    stderr: Arc<Output>,
}

/// A process that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Everything it wrote to standard output.
    pub stdout: String,
    /// Everything it wrote to standard error.
    pub stderr: String,
}

/// Runs `command` to its end, which must come before `deadline`.
#[track_caller]
pub fn run(command: &mut Command, deadline: Duration) -> Finished {
    Process::start(command).finished(deadline)
}

impl Process {
    /// Starts `command` with both outputs captured and nothing to read.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = Output::capture(child.stdout.take());
        let stderr = Output::capture(child.stderr.take());
        Self { child, stdout, stderr }
    }

    /// The operating system's number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of `stream` from which `select` makes a value.
    #[track_caller]
    pub fn line<T>(
        &self,
        stream: Stream,
        deadline: Duration,
        select: impl FnMut(&str) -> Option<T>,
    ) -> T {
        self.captured(stream).find(deadline, select).unwrap_or_else(|| {
            panic!(
                "the line awaited on {stream:?} did not come within {deadline:?}\n\
                 --- stdout\n{}--- stderr\n{}",
                self.stdout.text(),
                self.stderr.text()
            )
        })
    }

    /// What it has written so far.
    pub fn output(&self, stream: Stream) -> String {
        self.captured(stream).text()
    }

    fn captured(&self, stream: Stream) -> &Output {
        match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        }
    }

    /// Sends a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let sent = Pid::from_raw(self.child.id().cast_signed())
            .ok_or(rustix::io::Errno::SRCH)
            .and_then(|pid| kill_process(pid, signal));
        assert!(sent.is_ok(), "cannot signal process {}: {sent:?}", self.child.id());
    }

    /// Asks the process to end (SIGTERM) and waits until it has.
    #[track_caller]
    pub fn stop(self, deadline: Duration) -> Finished {
        self.signal(Signal::TERM);
        self.finished(deadline)
    }

    /// Kills the process without warning (SIGKILL) and waits until it is gone.
    #[track_caller]
    pub fn kill(self) -> Finished {
        self.signal(Signal::KILL);
        self.finished(Duration::from_secs(10))
    }

    /// Waits until the process has ended by itself.
    #[track_caller]
    pub fn finished(mut self, deadline: Duration) -> Finished {
        let started = Instant::now();
        let status = eventually(deadline, "the end of the process", || {
            let status = self.child.try_wait();
            assert!(
                matches!(status, Ok(Some(_))) || started.elapsed() < deadline,
                "the process did not end within {deadline:?}\n--- stdout\n{}--- stderr\n{}",
                self.stdout.text(),
                self.stderr.text()
            );
            status.ok().flatten()
        });
        // A grandchild may hold the pipes open longer than the process lived.
        self.stdout.closed(Duration::from_secs(5));
        self.stderr.closed(Duration::from_secs(5));
        Finished { status, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// The exit code; absent when a signal ended the process.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails the test with the whole output unless the process ended with `code`.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(
            self.code(),
            Some(code),
            "--- stdout\n{}--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

/// What a pipe delivered so far.
#[derive(Debug, Default)]
struct Output {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    text: String,
    closed: bool,
}

impl Output {
    fn capture(pipe: Option<impl Read + Send + 'static>) -> Arc<Self> {
        let output = Arc::new(Self::default());
        let writer = Arc::clone(&output);
        std::thread::spawn(move || {
            if let Some(pipe) = pipe {
                let mut pipe = BufReader::new(pipe);
                let mut line = Vec::new();
                while pipe.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                    writer.change(|state| state.text.push_str(&String::from_utf8_lossy(&line)));
                    line.clear();
                }
            }
            writer.change(|state| state.closed = true);
        });
        output
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn text(&self) -> String {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    /// The first line that `select` takes; `None` at the deadline or the pipe's end.
    fn find<T>(&self, deadline: Duration, mut select: impl FnMut(&str) -> Option<T>) -> Option<T> {
        let mut seen = 0;
        self.until(deadline, |state| {
            while let Some(length) = state.text[seen..].find('\n') {
                let line = &state.text[seen..seen + length];
                seen += length + 1;
                if let Some(value) = select(line) {
                    return Some(Some(value));
                }
            }
            state.closed.then_some(None)
        })
        .flatten()
    }

    fn closed(&self, deadline: Duration) {
        self.until(deadline, |state| state.closed.then_some(()));
    }

    fn until<T>(
        &self,
        deadline: Duration,
        mut condition: impl FnMut(&State) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + deadline;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(value) = condition(&state) {
                return Some(value);
            }
            let left = end.checked_duration_since(Instant::now())?;
            state =
                self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_finished_process_gives_its_code_and_both_outputs() {
        let finished = run(&mut shell("echo out; echo err >&2; exit 3"), SOON);
        assert_eq!(finished.code(), Some(3));
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
    }

    #[test]
    fn lines_are_seen_while_the_process_runs_and_stop_is_sigterm() {
        let process = Process::start(&mut shell(
            "trap 'echo stopped; exit 0' TERM; echo port 1234; while :; do sleep 0.05; done",
        ));
        let port = process.line(Stream::Stdout, SOON, |line| {
            line.strip_prefix("port ").map(|port| port.parse::<u16>().unwrap())
        });
        assert_eq!(port, 1234);
        let finished = process.stop(SOON);
        finished.expect_code(0);
        assert!(finished.stdout.ends_with("stopped\n"), "{}", finished.stdout);
    }

    #[test]
    fn a_process_that_ends_early_does_not_keep_its_reader_waiting() {
        let process = Process::start(&mut shell("echo something else"));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            process.line(Stream::Stdout, Duration::from_hours(1), |line| {
                (line == "never").then_some(())
            });
        }));
        let message = *result.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("something else"), "{message}");
    }
}
