//! A CSV file with a header, plain or compressed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};
use baize_triage::Acuity;
use flate2::bufread::MultiGzDecoder;

/// The lines of a file, with the places of its columns.
pub(super) struct Table {
    reader: csv::Reader<Box<dyn Read>>,
    columns: HashMap<String, usize>,
    /// For messages.
    pub(super) name: String,
}

/// One line.
pub(super) struct Line {
    cells: csv::StringRecord,
    /// As a person counts: the header is line 1.
    pub(super) number: u64,
}

impl Table {
    /// Opens a file; gzip and a semicolon between the columns are recognised by their bytes.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let in_file = || format!("cannot read {name}");
        let mut raw = BufReader::new(File::open(path).with_context(in_file)?);
        let packed = raw.fill_buf().with_context(in_file)?.starts_with(&[0x1f, 0x8b]);
        let plain: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(raw)) } else { Box::new(raw) };
        let mut plain = BufReader::new(plain);
        let start = plain.fill_buf().with_context(in_file)?;
        let header = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |letter| header.iter().filter(|byte| **byte == letter).count();
        let delimiter = if count(b';') > count(b',') { b';' } else { b',' };
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).from_reader(Box::new(plain) as Box<dyn Read>);
        let names = reader.headers().with_context(in_file)?;
        let plain_name = |column: &str| column.trim().trim_start_matches('\u{feff}').to_owned();
        let columns = names.iter().enumerate().map(|(place, column)| (plain_name(column), place)).collect();
        Ok(Self { reader, columns, name })
    }

    /// Where a column stands.
    ///
    /// # Errors
    /// There is none of this name.
    pub(super) fn column(&self, name: &str) -> Result<usize> {
        self.columns.get(name).copied().with_context(|| format!("{} has no column {name}", self.name))
    }

    /// Names and places of the columns whose names start so, by name.
    pub(super) fn columns_of(&self, start: &str) -> Vec<(String, usize)> {
        let mut found: Vec<(String, usize)> = self
            .columns
            .iter()
            .filter(|(name, _)| name.starts_with(start))
            .map(|(name, place)| (name.clone(), *place))
            .collect();
        found.sort();
        found
    }

    /// The next line, if there is one.
    ///
    /// # Errors
    /// A damaged file.
    pub(super) fn next(&mut self) -> Result<Option<Line>> {
        let mut cells = csv::ByteRecord::new();
        let there =
            self.reader.read_byte_record(&mut cells).with_context(|| format!("{} is damaged", self.name))?;
        let number = cells.position().map_or(0, csv::Position::line);
        Ok(there.then(|| Line { cells: csv::StringRecord::from_byte_record_lossy(cells), number }))
    }
}

impl Line {
    /// A cell without outer space.
    pub(super) fn text(&self, place: usize) -> &str {
        self.cells.get(place).map(str::trim).unwrap_or_default()
    }

    /// A number, with a decimal point or comma; `None` for anything else.
    pub(super) fn number(&self, place: usize) -> Option<f64> {
        let written = self.text(place).replace(',', ".");
        written.parse::<f64>().ok().filter(|value| value.is_finite())
    }

    /// A level from 1 to 5.
    ///
    /// # Errors
    /// Anything else.
    pub(super) fn acuity(&self, place: usize) -> Result<Acuity> {
        let written = self.text(place);
        let level = written.parse().ok().and_then(Acuity::new);
        level.with_context(|| format!("{written:?} is no level from 1 to 5"))
    }
}
