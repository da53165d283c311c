//! What runs inside of namespaces: this test's own binary, started again with other arguments.
//! Clients, servers and a relay over plain TCP, clients and servers over UDP; they know addresses and no scenario.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first argument of every program.
pub(crate) const MARK: &str = "--program-in-a-namespace";
/// What a server prints once it listens.
pub(crate) const LISTENS: &str = "listens";
/// A client without patience of its own waits longer than any kernel.
const FOR_EVER: Duration = Duration::from_secs(10_000);

/// Runs a program: its life in seconds, its name, its arguments.
pub(crate) fn execute(args: &[String]) -> ExitCode {
    let [life, name, rest @ ..] = args else { return ExitCode::FAILURE };
    let life = Duration::from_secs(life.parse().unwrap());
    std::thread::spawn(move || {
        std::thread::sleep(life);
        std::process::exit(9);
    });
    match name.as_str() {
        "sysctl" => set(rest),
        "server" => serve(rest),
        "relay" => relay(rest),
        "client" => ask(rest),
        "talk" => talk(rest),
        "resolver" => resolve(rest),
        "questions" => question(rest),
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

/// `KEY=VALUE ...`: settings of this namespace; keys that end in `?` may be missing.
fn set(args: &[String]) {
    for (key, value) in args.iter().map(|arg| arg.split_once('=').unwrap()) {
        let path = format!("/proc/sys/{}", key.trim_end_matches('?').replace('.', "/"));
        let written = std::fs::write(&path, value);
        assert!(written.is_ok() || key.ends_with('?'), "{path}: {written:?}");
    }
}

/// Says that it listens, on a pipe that nobody may read any more.
fn listens() {
    let _ = writeln!(std::io::stdout(), "{LISTENS}");
    let _ = std::io::stdout().flush();
}

/// `NAME ADDRESS WORKERS MICROSECONDS`: greets each client with its own name and the address it sees, after so long a
/// service, then gives lines back until the client closes. 0 workers are as many as there are clients.
fn serve(args: &[String]) {
    let [name, address, workers, service] = args else { panic!("{args:?}") };
    let listener = Arc::new(TcpListener::bind(address).unwrap());
    let (name, workers): (Arc<str>, usize) = (name.as_str().into(), workers.parse().unwrap());
    let service = Duration::from_micros(service.parse().unwrap());
    listens();
    let work = move |listener: &TcpListener, name: &Arc<str>| {
        while let Ok((stream, peer)) = listener.accept() {
            let name = Arc::clone(name);
            let answer = move || {
                std::thread::sleep(service);
                let _ = echo(&stream, &format!("{name} {peer}\n"));
            };
            if workers == 0 {
                std::thread::spawn(answer);
            } else {
                answer();
            }
        }
    };
    let more: Vec<_> = (1..workers)
        .map(|_| {
            let (listener, name) = (Arc::clone(&listener), Arc::clone(&name));
            std::thread::spawn(move || work(&listener, &name))
        })
        .collect();
    work(&listener, &name);
    // Accepting ends with the process.
    drop(more);
}

fn echo(mut stream: &TcpStream, greeting: &str) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(greeting.as_bytes())?;
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length])?,
        }
    }
}

/// `ADDRESS TARGET`: docker-proxy (A20): accepts, dials the container, passes bytes on in both directions.
fn relay(args: &[String]) {
    let [address, target] = args else { panic!("{args:?}") };
    let listener = TcpListener::bind(address).unwrap();
    listens();
    while let Ok((client, _)) = listener.accept() {
        let target = target.clone();
        std::thread::spawn(move || {
            // A closed container port closes the client's connection as well (A21).
            let Ok(server) = TcpStream::connect(target) else { return };
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || pass(&from, &to));
            pass(&server, &client);
        });
    }
}

fn pass(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

/// How a connect ended, in podwire's words. Rust makes its kinds of the kernel's numbers.
fn word(error: &Error) -> String {
    let told = error.raw_os_error().is_some();
    match error.kind() {
        ErrorKind::ConnectionRefused => "ECONNREFUSED",
        ErrorKind::HostUnreachable => "EHOSTUNREACH",
        ErrorKind::NetworkUnreachable => "ENETUNREACH",
        ErrorKind::TimedOut if told => "ETIMEDOUT",
        ErrorKind::TimedOut => "connect-timeout",
        ErrorKind::ConnectionReset => "ECONNRESET",
        ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
        _ => return format!("{error:?}").replace(' ', "_"),
    }
    .to_owned()
}

/// One connection: its outcome, microseconds to that and to the greeting, its own address, the greeting.
fn attempt(target: SocketAddr, blocking: bool, patience: Duration) -> String {
    let start = Instant::now();
    let connected = if blocking { TcpStream::connect(target) } else { TcpStream::connect_timeout(&target, patience) };
    let connect = start.elapsed().as_micros();
    let stream = match connected {
        Ok(stream) => stream,
        Err(error) => return format!("{} {connect} {connect} - - -", word(&error)),
    };
    let local = stream.local_addr().unwrap();
    let mut greeting = String::new();
    let read = BufReader::new(&stream).read_line(&mut greeting);
    let total = start.elapsed().as_micros();
    match (read, greeting.trim()) {
        (Ok(_), "") => format!("eof {connect} {total} {local} - -"),
        (Ok(_), greeting) => format!("ok {connect} {total} {local} {greeting}"),
        (Err(error), _) => format!("{} {connect} {total} {local} - -", word(&error)),
    }
}

/// `TARGET COUNT MICROSECONDS blocking|nonblocking PATIENCE`: so many connections, one begun every so many microseconds
/// and each on its own; with 0 one after the other. Patience in milliseconds, 0 for none.
fn ask(args: &[String]) {
    let [target, count, every, way, patience] = args else { panic!("{args:?}") };
    let (target, count): (SocketAddr, u32) = (target.parse().unwrap(), count.parse().unwrap());
    let every = Duration::from_micros(every.parse().unwrap());
    let patience = Duration::from_millis(patience.parse().unwrap());
    let patience = if patience.is_zero() { FOR_EVER } else { patience };
    let blocking = way == "blocking";
    let lines: Vec<String> = if every.is_zero() {
        (0..count).map(|_| attempt(target, blocking, patience)).collect()
    } else {
        let start = Instant::now();
        let mut begun = Vec::new();
        for number in 0..count {
            std::thread::sleep((every * number).saturating_sub(start.elapsed()));
            begun.push(std::thread::spawn(move || attempt(target, blocking, patience)));
        }
        begun.into_iter().map(|thread| thread.join().unwrap()).collect()
    };
    println!("{}", lines.join("\n"));
}

/// `TARGET COUNT MILLISECONDS`: one connection, a line every so many milliseconds, each of which should come back; how
/// each ended, with the microseconds that it took.
fn talk(args: &[String]) {
    let [target, count, every] = args else { panic!("{args:?}") };
    let every = Duration::from_millis(every.parse().unwrap());
    let mut stream = TcpStream::connect(target).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    for number in 0..count.parse::<u32>().unwrap() {
        line.clear();
        let start = Instant::now();
        let came = writeln!(stream, "{number}").and_then(|()| lines.read_line(&mut line));
        let word = match came {
            Ok(0) => "eof".to_owned(),
            Ok(_) => "ok".to_owned(),
            Err(error) => word(&error),
        };
        println!("{word} {}", start.elapsed().as_micros());
        std::thread::sleep(every);
    }
}

/// `NAME ADDRESS`: answers each datagram with its own name.
fn resolve(args: &[String]) {
    let [name, address] = args else { panic!("{args:?}") };
    let socket = UdpSocket::bind(address).unwrap();
    listens();
    let mut buffer = [0; 64];
    while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
        let _ = socket.send_to(name.as_bytes(), peer);
    }
}

/// `TARGET kept|own PATIENCE MILLISECONDS ...`: a datagram at each of these times, all from one connected socket or each
/// from its own; the name that answers, or how it ended. Patience in milliseconds.
fn question(args: &[String]) {
    let [target, way, patience, times @ ..] = args else { panic!("{args:?}") };
    let patience = Duration::from_millis(patience.parse().unwrap());
    let target: SocketAddr = target.parse().unwrap();
    let open = move || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect(target).unwrap();
        socket.set_read_timeout(Some(patience)).unwrap();
        socket
    };
    let kept = (way == "kept").then(open);
    let start = Instant::now();
    let mut begun = Vec::new();
    for time in times {
        std::thread::sleep(Duration::from_millis(time.parse().unwrap()).saturating_sub(start.elapsed()));
        let socket = kept.as_ref().map_or_else(open, |kept| kept.try_clone().unwrap());
        begun.push(std::thread::spawn(move || answer(&socket)));
    }
    let words: Vec<String> = begun.into_iter().map(|thread| thread.join().unwrap()).collect();
    println!("{}", words.join("\n"));
}

fn answer(socket: &UdpSocket) -> String {
    let mut buffer = [0; 64];
    match socket.send(b"?").and_then(|_| socket.recv(&mut buffer)) {
        Ok(length) => String::from_utf8_lossy(&buffer[..length]).into_owned(),
        Err(error) if error.kind() == ErrorKind::WouldBlock => "request-timeout".to_owned(),
        Err(error) => word(&error),
    }
}
