//! A Redis of the benchmark's own.

use std::{
    error::Error,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::Instant;

pub struct Server {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Server {
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()]).current_dir(folder.path());
        let child = command.stdout(Stdio::null()).spawn()?;
        let give_up = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() && Instant::now() < give_up {
            std::thread::yield_now();
        }
        Ok(Self { child, port, _folder: folder })
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A number of `INFO`.
    pub fn number(&self, field: &str) -> Result<f64, Box<dyn Error>> {
        let info = self.say("INFO all")?;
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(value.ok_or("no such field")?.trim().parse()?)
    }

    /// The bytes of all entries.
    pub fn stored_bytes(&self) -> Result<f64, Box<dyn Error>> {
        let sum = "EVAL \"local n, c = 0, '0' repeat local r = redis.call('SCAN', c, 'MATCH', '*:e:*', 'COUNT', 1000) c = r[1] for _, e in ipairs(r[2]) do n = n + redis.call('STRLEN', e) end until c == '0' return n\" 0";
        Ok(self.say(sum)?.lines().next().ok_or("no answer")?.trim_start_matches(':').parse()?)
    }

    /// The bytes of one entry.
    pub fn value_size(&self) -> Result<usize, Box<dyn Error>> {
        let first = "EVAL \"local r = redis.call('SCAN', '0', 'MATCH', '*:e:*', 'COUNT', 1000) return redis.call('STRLEN', r[2][1])\" 0";
        Ok(self.say(first)?.lines().next().ok_or("no answer")?.trim_start_matches(':').parse()?)
    }

    /// Whether no scan took 10 ms or longer.
    pub fn was_never_slow(&self) -> Result<bool, Box<dyn Error>> {
        Ok(!self.say("SLOWLOG GET 128")?.contains("\r\nSCAN"))
    }

    fn say(&self, line: &str) -> Result<String, Box<dyn Error>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.write_all(format!("{line}\r\nQUIT\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
