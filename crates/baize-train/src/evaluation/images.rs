//! The images that a CSV file names: in a folder, at an absolute path, or in a tar archive. Read one by one, so that a
//! large set needs no large memory.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use baize_core::{ErrorCode, Fault};
use baize_imaging::Limits;
use bytes::Bytes;
use image::DynamicImage;
use ndarray::Array2;

/// As large as an object may be for the server by default.
pub(super) const LIMITS: Limits = Limits { max_object_bytes: 512 << 20, max_pixels: 100_000_000 };
/// Missing files that an error names.
const NAMED: usize = 5;

/// Where the bytes of an image are.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    File(PathBuf),
    /// A member of a tar archive: the archive, where the member's bytes begin, and how many they are.
    Member(PathBuf, u64, u64),
}

/// The places of all images that were asked for.
#[derive(Debug)]
pub(crate) struct Images {
    places: HashMap<String, Place>,
}

/// What an image's bytes hold.
pub(crate) struct Picture {
    /// `[rows, columns]`, 0 to 1, bright is dense.
    pub(crate) pixels: Array2<f32>,
    /// The DICOM object, where it is one.
    pub(crate) object: Option<Bytes>,
}

impl Images {
    /// Finds images below `root`, a folder or a tar archive. A name is an absolute path, a path below the folder, or a
    /// member of the archive or of one of the archives (`*.tar`) that lie in the folder.
    ///
    /// # Errors
    /// Where the archive can't be read, or an image is not there; the error names it.
    pub(crate) fn find(root: &Path, names: &BTreeSet<&str>) -> Result<Self> {
        let mut places = HashMap::new();
        for name in names {
            let path = Path::new(name);
            let inside =
                path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
            let file = if path.is_absolute() { path.to_owned() } else { root.join(path) };
            if (path.is_absolute() || inside) && file.is_file() {
                places.insert((*name).to_owned(), Place::File(file));
            }
        }
        for archive in archives(root)? {
            if places.len() < names.len() {
                members(&archive, names, &mut places)?;
            }
        }
        let missing: Vec<&str> = names.iter().filter(|name| !places.contains_key(**name)).copied().collect();
        if let Some(first) = missing.first() {
            let named = missing.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let place = root.display();
            match missing.len() {
                1 => bail!("{first} is not in the data ({place})"),
                count => bail!("{count} images are not in the data ({place}): {named}{}", dots(count)),
            }
        }
        Ok(Self { places })
    }

    /// The bytes of an image.
    ///
    /// # Errors
    /// Where they can't be read, with the name.
    pub(crate) fn bytes(&self, name: &str) -> Result<Bytes> {
        let place = self.places.get(name).with_context(|| format!("{name} is not in the data"))?;
        let read = || -> std::io::Result<Vec<u8>> {
            match place {
                Place::File(path) => std::fs::read(path),
                Place::Member(archive, offset, size) => {
                    let mut file = File::open(archive)?;
                    file.seek(SeekFrom::Start(*offset))?;
                    let mut bytes = Vec::new();
                    file.take(*size).read_to_end(&mut bytes)?;
                    Ok(bytes)
                }
            }
        };
        read().map(Bytes::from).with_context(|| format!("cannot read {name}"))
    }

    /// The picture, as the server decodes it where it is a DICOM object; the inner error is why an object has none.
    ///
    /// # Errors
    /// Where the bytes can't be read or are no image, with the name.
    pub(crate) fn picture(&self, name: &str) -> Result<Result<Picture, Fault>> {
        let bytes = self.bytes(name)?;
        match baize_imaging::decode(&bytes, &LIMITS) {
            Ok(image) => Ok(Ok(Picture { pixels: image.pixels, object: Some(bytes) })),
            Err(fault) if fault.code == ErrorCode::NotDicom => {
                let image = image::load_from_memory(&bytes).with_context(|| format!("cannot read {name}"))?;
                Ok(Ok(Picture { pixels: grey(image)?, object: None }))
            }
            Err(fault) => Ok(Err(fault)),
        }
    }
}

fn dots(count: usize) -> &'static str {
    if count > NAMED { ", …" } else { "" }
}

/// The archive itself, or those that lie in the folder, in order.
fn archives(root: &Path) -> Result<Vec<PathBuf>> {
    if !root.is_dir() {
        return Ok(vec![root.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).with_context(|| format!("cannot list {}", root.display()))? {
        let path = entry?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "tar") {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Adds the places of those names that an archive holds.
fn members(archive: &Path, names: &BTreeSet<&str>, places: &mut HashMap<String, Place>) -> Result<()> {
    let describe = || format!("cannot read {}", archive.display());
    let file = File::open(archive).with_context(|| format!("cannot open {}", archive.display()))?;
    for entry in tar::Archive::new(BufReader::new(file)).entries_with_seek().with_context(describe)? {
        let entry = entry.with_context(describe)?;
        let path = entry.path().with_context(describe)?.to_string_lossy().into_owned();
        let name = path.strip_prefix("./").unwrap_or(&path);
        if names.contains(name) && !places.contains_key(name) {
            let place = Place::Member(archive.to_owned(), entry.raw_file_position(), entry.size());
            places.insert(name.to_owned(), place);
        }
    }
    Ok(())
}

/// Grey values 0 to 1, with all the bits that the file has.
fn grey(image: DynamicImage) -> Result<Array2<f32>> {
    let size = (image.height() as usize, image.width() as usize);
    let wide = image.color().bits_per_pixel() / u16::from(image.color().channel_count()) > 8;
    let values: Vec<f32> = match wide {
        true => image.to_luma16().into_raw().iter().map(|value| f32::from(*value) / 65_535.0).collect(),
        false => image.to_luma8().into_raw().iter().map(|value| f32::from(*value) / 255.0).collect(),
    };
    Ok(Array2::from_shape_vec(size, values)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(value: u16) -> Vec<u8> {
        let image = image::ImageBuffer::from_pixel(3, 2, image::Luma([value]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        DynamicImage::ImageLuma16(image).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn an_image_is_found_wherever_it_may_lie() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/a.png"), png(1000)).unwrap();
        let archive = folder.path().join("set.tar");
        let mut tar = tar::Builder::new(File::create(&archive).unwrap());
        for (name, value) in [("x/b.png", 2000), ("x/c.png", 65_535)] {
            let bytes = png(value);
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append_data(&mut header, name, bytes.as_slice()).unwrap();
        }
        tar.finish().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let absolute = elsewhere.path().join("d.dcm");
        std::fs::write(&absolute, baize_testkit::ObjectBuilder::chest(1).size(8, 16).build()).unwrap();
        let absolute = absolute.to_str().unwrap();

        let names = BTreeSet::from(["sub/a.png", "x/b.png", "x/c.png", absolute]);
        let images = Images::find(folder.path(), &names).unwrap();
        for (name, size, value) in [
            ("sub/a.png", (2, 3), Some(1000.0 / 65_535.0)),
            ("x/b.png", (2, 3), Some(2000.0 / 65_535.0)),
            ("x/c.png", (2, 3), Some(1.0)),
            (absolute, (8, 16), None),
        ] {
            let picture = images.picture(name).unwrap().unwrap();
            assert_eq!(picture.pixels.dim(), size, "{name}");
            assert_eq!(picture.object.is_some(), value.is_none(), "{name}");
            assert!(value.is_none_or(|value: f32| (picture.pixels[[1, 1]] - value).abs() < 1e-6), "{name}");
        }
        // The archive alone holds only its members.
        let alone = Images::find(&archive, &BTreeSet::from(["x/b.png"])).unwrap();
        assert_eq!(alone.bytes("x/b.png").unwrap(), png(2000));
        for (root, names, words) in [
            (folder.path(), vec!["y.png"], "y.png is not in the data"),
            (folder.path(), vec!["../set.tar"], "../set.tar is not in the data"),
            (&archive, vec!["p", "q", "x/b.png"], "2 images are not in the data"),
        ] {
            let error = Images::find(root, &names.into_iter().collect()).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
