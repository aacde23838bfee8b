//! Our own results beside the images that they are about.

use baize_core::ports::{FiledResult, OWN_ARCHIVE};
use baize_core::{ErrorCode, Timestamp};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::convert::micros;
use super::mistake;
use super::trouble::Trouble;

pub(super) fn file(db: &Connection, result: &FiledResult) -> Result<(), Trouble> {
    let identity = &result.identity;
    let owner = db
        .prepare_cached(
            "SELECT delivery.report_id, report.instance_id, delivery.study_id FROM delivery
               JOIN report ON report.id = delivery.report_id
               JOIN study ON study.id = delivery.study_id
              WHERE delivery.kind = 'object' AND delivery.sop_instance = ?1 AND study.uid = ?2
              ORDER BY delivery.id LIMIT 1",
        )?
        .query_row([identity.sop.as_str(), identity.study.as_str()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    let Some((report, image, study)) = owner else {
        return Err(mistake("the object is of no delivery in this study").into());
    };
    db.prepare_cached("INSERT INTO series (study_id, uid) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![study, identity.series.as_str()])?;
    db.prepare_cached(
        "INSERT INTO archived (image_id, report_id, study_id, series_id, sop, sop_class, transfer_syntax, spool_key,
                               modality, filed_at)
         SELECT :image, :report, :study, series.id, :sop, :sop_class, :transfer_syntax, :spool_key, :modality, :filed_at
           FROM series WHERE series.study_id = :study AND series.uid = :series
         ON CONFLICT (sop, study_id) DO UPDATE SET
             image_id = excluded.image_id, report_id = excluded.report_id, series_id = excluded.series_id,
             sop_class = excluded.sop_class, transfer_syntax = excluded.transfer_syntax,
             spool_key = excluded.spool_key, modality = excluded.modality, filed_at = excluded.filed_at",
    )?
    .execute(named_params! {
        ":image": image,
        ":report": report,
        ":study": study,
        ":series": identity.series.as_str(),
        ":sop": identity.sop.as_str(),
        ":sop_class": identity.sop_class,
        ":transfer_syntax": identity.transfer_syntax,
        ":spool_key": result.spool_key.0,
        ":modality": result.modality,
        ":filed_at": micros(result.filed_at),
    })?;
    Ok(())
}

/// As `outbox::enqueue` would have, for every report without a delivery to the archive. These count as new, since it
/// is from now on that somebody waits for them.
pub(super) fn owe_earlier(db: &Connection, now: Timestamp) -> Result<usize, Trouble> {
    Ok(db
        .prepare_cached(
            "INSERT INTO delivery (destination, kind, report_id, ordinal, study_id, lane, created_at, changed_at)
             SELECT recipient.name, 'object', report.id, 0, instance.study_id, instance.lane, :now, :now
               FROM report
               JOIN instance ON instance.id = report.instance_id
               JOIN recipient ON recipient.name = :archive
              WHERE CASE report.outcome WHEN 'analysed' THEN recipient.analysed
                                        WHEN 'refused' THEN recipient.refused
                                        ELSE recipient.failed END
                AND COALESCE(report.fault_code, '') NOT IN (:own_result, :no_image)
                AND NOT EXISTS (SELECT 1 FROM delivery AS ours
                                 WHERE ours.kind = 'object' AND ours.sop_instance = instance.sop)
                AND NOT EXISTS (SELECT 1 FROM delivery AS owed
                                 WHERE owed.destination = recipient.name AND owed.report_id = report.id)
              ORDER BY report.id",
        )?
        .execute(named_params! {
            ":archive": OWN_ARCHIVE,
            ":now": micros(now),
            ":own_result": ErrorCode::OwnResult.as_str(),
            ":no_image": ErrorCode::NoPixelData.as_str(),
        })?)
}
