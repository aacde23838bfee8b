//! Heat maps, as bytes beside their findings.

use baize_core::{Extent, HeatMap};
use rusqlite::{Connection, Row, params};

use super::trouble::Trouble;

/// Columns for [`read`]; needs `heat` in the FROM clause.
macro_rules! heat_columns {
    () => {
        "heat.rows AS heat_rows, heat.columns AS heat_columns, heat.cells AS heat_cells, \
         heat.extent_left, heat.extent_top, heat.extent_width, heat.extent_height"
    };
}

pub(super) use heat_columns;

pub(super) fn insert(db: &Connection, report: i64, ordinal: i64, map: &HeatMap) -> Result<(), Trouble> {
    let cells: Vec<u8> = map.values().iter().flat_map(|value| value.to_le_bytes()).collect();
    let Extent { left, top, width, height } = map.extent();
    db.prepare_cached(
        "INSERT INTO finding_heat (report_id, ordinal, rows, columns, cells,
                                   extent_left, extent_top, extent_width, extent_height)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        report,
        ordinal,
        map.rows() as i64,
        map.columns() as i64,
        cells,
        left,
        top,
        width,
        height
    ])?;
    Ok(())
}

/// `None` where the finding has no map.
pub(super) fn read(row: &Row<'_>) -> Result<Option<HeatMap>, Trouble> {
    let Some(cells) = row.get::<_, Option<Vec<u8>>>("heat_cells")? else { return Ok(None) };
    let (values, _) = cells.as_chunks::<4>();
    let values = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
    let extent = Extent {
        left: row.get("extent_left")?,
        top: row.get("extent_top")?,
        width: row.get("extent_width")?,
        height: row.get("extent_height")?,
    };
    let (rows, columns): (u32, u32) = (row.get("heat_rows")?, row.get("heat_columns")?);
    HeatMap::new(rows as usize, columns as usize, values, extent)
        .map(Some)
        .map_err(|_| Trouble::BadRow("heat map"))
}
