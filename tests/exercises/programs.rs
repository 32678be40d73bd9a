//! The programs of an exercise, for its tests: ours as processes, the other side as bare sockets or Python programs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support;

pub fn netlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netlab"));
    command.args(arguments);
    command
}

/// A server of ours on a free port, ended by Ctrl-C.
pub struct Server {
    pub child: Child,
    pub address: SocketAddr,
    pub talk: BufReader<ChildStderr>,
}

impl Server {
    /// Starts `netlab serve EXERCISE --port 0 OPTIONS`, and waits until it listens.
    pub fn start(exercise: &str, options: &[&str]) -> Self {
        let mut command = netlab(&["serve", exercise, "--port", "0"]);
        command.args(options);
        Self::spawn(command).expect("a server that listens")
    }

    /// Starts a server by another command, and waits until it listens; `None` where it does not.
    pub fn spawn(command: Command) -> Option<Self> {
        Self::listening(command).inspect_err(|(_, said)| eprintln!("no address in {said:?}")).ok()
    }

    /// The same; where it does not listen, its exit code and what it said.
    pub fn listening(mut command: Command) -> Result<Self, (Option<i32>, String)> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| (None, error.to_string()))?;
        let mut talk = BufReader::new(child.stderr.take().expect("its standard error"));
        let mut said = String::new();
        loop {
            let start = said.len();
            if talk.read_line(&mut said).expect("a line") == 0 {
                return Err((child.wait().expect("its end").code(), said));
            }
            let line = said[start..].split_once(" listens on ").map(|(_, line)| line).unwrap_or_default();
            if let Some(address) = line.split_whitespace().find_map(|word| word.trim_end_matches(';').parse().ok()) {
                return Ok(Self { child, address, talk });
            }
        }
    }

    pub fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).expect("a connection");
        client.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        client
    }

    /// The next `count` lines that it prints.
    pub fn lines(&mut self, count: usize) -> String {
        let output = self.child.stdout.as_mut().expect("its output");
        let mut printed = Vec::new();
        while printed.iter().filter(|byte| **byte == b'\n').count() < count {
            let mut byte = [0];
            output.read_exact(&mut byte).unwrap_or_else(|_| panic!("it ended after {:?}", text(&printed)));
            printed.push(byte[0]);
        }
        text(&printed)
    }

    /// Bytes of memory that it had at most.
    pub fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("kilobytes") * 1024
    }

    pub fn interrupt(&self) {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).expect("SIGINT");
    }

    /// Exit code, standard output and the rest of standard error, once it has ended.
    pub fn finish(mut self) -> (Option<i32>, String, String) {
        let (mut printed, mut talk) = (Vec::new(), String::new());
        self.child.stdout.take().expect("its output").read_to_end(&mut printed).expect("its output");
        self.talk.read_to_string(&mut talk).expect("its talk");
        (self.child.wait().expect("its end").code(), String::from_utf8_lossy(&printed).into_owned(), talk)
    }
}

impl Drop for Server {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that a student wrote in Python. The first line it prints is its port.
pub struct Student {
    child: Child,
    printed: BufReader<std::process::ChildStdout>,
    pub port: u16,
}

impl Student {
    pub fn start(program: &str) -> Self {
        let mut child = Command::new("python3")
            .args(["-X", "utf8", "-c", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut printed = BufReader::new(child.stdout.take().expect("its output"));
        let mut port = String::new();
        printed.read_line(&mut port).expect("its port");
        Self { child, printed, port: port.trim().parse().expect("a port") }
    }

    /// The next line it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.printed.read_line(&mut line).expect("a line");
        line
    }

    /// What it printed, once it has ended well.
    pub fn finish(mut self) -> String {
        let mut rest = String::new();
        self.printed.read_to_string(&mut rest).expect("the rest");
        assert!(self.child.wait().expect("its end").success(), "the student's program failed");
        rest
    }
}

impl Drop for Student {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One receive, as students write it: a single read of 256 bytes.
pub fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut piece = [0; 256];
    loop {
        match stream.read(&mut piece) {
            Ok(length) => return piece[..length].to_vec(),
            // A machine that is stopped for a moment interrupts a receive that has a timeout (signal(7)).
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => panic!("a piece: {error}"),
        }
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs our client of an exercise against `script`, what a bare server does with its one connection.
pub fn client_against(
    exercise: &str,
    script: impl FnOnce(TcpStream) + Send + 'static,
    arguments: &[&str],
    input: &[u8],
) -> (Output, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port().to_string();
    let server = std::thread::spawn(move || script(listener.accept().expect("a client").0));
    let patience: &[&str] = if arguments.contains(&"--timeout") { &[] } else { &["--timeout", "10s"] };
    let mut child = netlab(&["client", exercise, "--port", &port])
        .args(patience)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("netlab client");
    // A client that has its answer from its arguments may be gone before this is written.
    let _ = child.stdin.take().expect("its input").write_all(input);
    (child.wait_with_output().expect("its end"), server)
}

/// Whether a tool is there; says so where it is not.
pub fn has(tool: &str) -> bool {
    let there = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
    let there = there.is_ok_and(|output| output.status.success());
    if !there {
        support::skip(&format!("{tool} is not installed"));
    }
    there
}

/// What a program that a student wrote in Python prints, when it has ended well. `PORT` in it is the server's port.
pub fn python(program: &str, server: &Server) -> String {
    let program = program.replace("PORT", &server.address.port().to_string());
    let output = Command::new("python3").args(["-X", "utf8", "-c", &program]).output().expect("python3");
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

/// What a tool prints that talks with a server: `words` are its options, host and port come behind them.
pub fn tool(words: &[&str], server: &Server, input: &[u8]) -> String {
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .args([server.address.ip().to_string(), server.address.port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the tool");
    let mut typed = child.stdin.take().expect("its input");
    typed.write_all(input).expect("typed");
    if words[0] != "telnet" {
        drop(typed);
        return text(&child.wait_with_output().expect("its end").stdout);
    }
    // telnet closes at the end of its input, whether answered or not: it is kept open until the server closes.
    let output = child.wait_with_output().expect("its end");
    drop(typed);
    text(&output.stdout)
}

pub fn has_python() -> bool {
    let there = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        support::skip("python3 is not installed");
    }
    there
}

/// A client in Python, connected to the server of ours as `client`; what it printed. `None`, having said so, where there
/// is no Python.
pub fn python_client(server: &Server, program: &str) -> Option<String> {
    let connected = "import socket, struct, time\n\
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
        client.connect(('127.0.0.1', PORT))\n";
    has_python().then(|| python(&format!("{connected}{program}\nclient.close()\n"), server))
}

/// Runs our client of an exercise against a server in Python, which has its one connection as `client`: what ours did,
/// and what the server printed.
pub fn client_against_python(exercise: &str, program: &str, arguments: &[&str]) -> Option<(Output, String)> {
    if !has_python() {
        return None;
    }
    let student = Student::start(&format!(
        "import socket, struct, time\n\
         server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
         server.bind(('127.0.0.1', 0))\n\
         server.listen(1)\n\
         print(server.getsockname()[1], flush=True)\n\
         client, address = server.accept()\n{program}\nclient.close()\nserver.close()\n"
    ));
    let output = netlab(&["client", exercise, "--port", &student.port.to_string(), "--timeout", "10s"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("netlab client");
    Some((output, student.finish()))
}

/// What nc prints, given `input`; `None`, having said so, where there is no nc.
pub fn nc(server: &Server, input: &[u8]) -> Option<String> {
    has("nc").then(|| tool(&["nc", "-N"], server, input))
}

/// Closes without a goodbye: RST.
pub fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("linger");
    drop(stream);
}

/// A Java program of the folder `java`, run from its source, in UTF-8.
pub fn java(program: &str) -> Command {
    let source = format!("{}/tests/exercises/java/{program}.java", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("java");
    command.args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", &source]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Whether there is Java, for [`java`].
pub fn has_java() -> bool {
    has("java") && has("javac")
}
