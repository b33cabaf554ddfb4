// SPDX-License-Identifier: GPL-2.0-only

//! The twin of `html_parser.ko` in user space.

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use html_parser::{
    parser,
    timing::{FLUSH, RUNS, Run, Subject, Timing},
};
use std::{
    fs::{self, File},
    hint::black_box,
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Strips the markup off an HTML file, and measures how long that takes.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show the text in a file.
    Show {
        /// The HTML file.
        file: PathBuf,
    },
    /// Measure reading and parsing a file. If html_parser.ko is loaded for the same file, show the
    /// kernel's times, too, and the ratio of both; only root can see those.
    Time {
        /// The HTML file.
        file: PathBuf,
    },
    /// Measure files of 1 kB to 16 MB, here and in the kernel, as tab-separated values,
    /// which `make bench T=html_parser` draws. It loads and unloads html_parser.ko.
    Bench,
}

fn main() -> Result<()> {
    lkm::restore_sigpipe();
    match Arguments::parse().action {
        Action::Show { file } => show(&file),
        Action::Time { file } => time(&file),
        Action::Bench => bench(),
    }
}

fn show(path: &Path) -> Result<()> {
    let mut file = open(path)?;
    let mut out = io::stdout().lock();
    let mut text = |part: &str| {
        out.write_all(part.as_bytes())
            .context("writing to the standard output")
    };
    let mut parser = parser::Parser::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        let count = file
            .read(&mut piece)
            .with_context(|| format!("reading {}", path.display()))?;
        if count == 0 {
            break;
        }
        parser.feed(&piece[..count], &mut text)?;
    }
    parser.finish(&mut text)?;
    out.flush().context("writing to the standard output")
}

fn time(path: &Path) -> Result<()> {
    let user = measure(path)?;
    let mut table = String::new();
    user.write(&mut table)?;
    if !is_loaded_for(path) {
        print!("{table}");
        return Ok(());
    }
    match fs::read_to_string(KERNEL_TABLE) {
        Ok(kernel) => {
            print!("Kernel\n{kernel}\nUser space\n{table}");
            print_ratio(&parse_table(&kernel)?, &user.runs);
        }
        Err(error) => {
            eprintln!("html_parser_user: no times of the kernel: {KERNEL_TABLE}: {error}");
            print!("{table}");
        }
    }
    Ok(())
}

fn print_ratio(kernel: &[Run], user: &[Run]) {
    println!("\nKernel / user space");
    println!("run    read, cold   read, warm        parse");
    for (number, (kernel, user)) in (1..).zip(kernel.iter().zip(user)) {
        let [cold, warm, parse] = [
            (kernel.cold, user.cold),
            (kernel.warm, user.warm),
            (kernel.parse, user.parse),
        ]
        .map(|(kernel, user)| kernel as f64 / user as f64);
        println!("{number:>3} {cold:>12.2} {warm:>12.2} {parse:>12.2}");
    }
}

const KERNEL_TABLE: &str = "/proc/html_parser_timing";
const SIZES: [usize; 4] = [1000, 64 << 10, 1 << 20, 16 << 20];

fn bench() -> Result<()> {
    println!("bytes\twhere\trun\tcold\twarm\tparse");
    for size in SIZES {
        let path = std::env::temp_dir().join("html_parser.html");
        fs::write(&path, page(size)).with_context(|| format!("writing {}", path.display()))?;
        let kernel = measure_kernel(&path)?;
        let user = measure(&path)?.runs;
        fs::remove_file(&path)?;
        for (place, runs) in [("kernel", kernel), ("user", user)] {
            for (number, Run { cold, warm, parse }) in (1..).zip(runs) {
                println!("{size}\t{place}\t{number}\t{cold}\t{warm}\t{parse}");
            }
        }
    }
    Ok(())
}

/// A page of so many bytes that looks like those on the web: half of it is markup.
fn page(size: usize) -> Vec<u8> {
    let item = "<li class=\"item\"><a href=\"/chapter/4\">Character devices</a> &mdash; how they \
        are <em>opened</em>, read and written; what a driver does for them.\n";
    item.bytes().cycle().take(size).collect()
}

fn measure(path: &Path) -> Result<Timing> {
    let mut page = Page::new(path)?;
    Timing::measure(page.document.len(), &mut page)
}

fn measure_kernel(path: &Path) -> Result<[Run; RUNS]> {
    let parameter = format!("path={}", path.display());
    // One that is loaded reads another file.
    run(Command::new("modprobe").args(["--first-time", "html_parser", &parameter]))?;
    let table = fs::read_to_string(KERNEL_TABLE).context(KERNEL_TABLE);
    run(Command::new("rmmod").arg("html_parser"))?;
    parse_table(&table?)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

fn is_loaded_for(path: &Path) -> bool {
    let loaded = fs::read_to_string("/sys/module/html_parser/parameters/path")
        .and_then(|it| fs::canonicalize(it.trim_end_matches('\n')));
    loaded.is_ok_and(|loaded| fs::canonicalize(path).is_ok_and(|path| path == loaded))
}

fn parse_table(table: &str) -> Result<[Run; RUNS]> {
    let mut lines = table.lines().skip(2);
    let mut runs = [Run::default(); RUNS];
    for run in &mut runs {
        let line = lines.next().context("the kernel's table is too short")?;
        let numbers = line.split_whitespace().map(str::parse);
        let numbers: Vec<u64> = numbers
            .collect::<Result<_, _>>()
            .context("the kernel's table")?;
        let [_, cold, warm, parse] = numbers[..] else {
            bail!("the kernel's table has a line of another kind: {line}");
        };
        *run = Run { cold, warm, parse };
    }
    Ok(runs)
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("opening {}", path.display()))
}

/// What is measured: as in the module.
struct Page<'a> {
    path: &'a Path,
    file: File,
    document: Vec<u8>,
    text: String,
}

impl<'a> Page<'a> {
    fn new(path: &'a Path) -> Result<Self> {
        let file = open(path)?;
        let size = file.metadata()?.len().try_into()?;
        // Memory that was written, and not only promised, as in the kernel.
        let mut document = Vec::with_capacity(size);
        document.resize(size, black_box(1));
        Ok(Self {
            path,
            file,
            document,
            text: String::with_capacity(size),
        })
    }
}

impl Subject for Page<'_> {
    type Error = anyhow::Error;

    fn renew(&mut self) -> Result<()> {
        *self = Self::new(self.path)?;
        black_box(vec![1_u8; FLUSH]);
        Ok(())
    }

    fn read(&mut self) -> Result<()> {
        let count = self.file.read_at(&mut self.document, 0)?;
        ensure!(count == self.document.len(), "the file has become shorter");
        Ok(())
    }

    fn parse(&mut self) -> Result<()> {
        self.text.clear();
        parser::parse(&self.document, &mut |part| {
            self.text.push_str(part);
            Ok(())
        })
    }

    fn cycles(&self) -> u64 {
        lkm::cycles::now()
    }
}
