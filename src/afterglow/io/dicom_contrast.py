"""The contrast agent in a header: millilitres of a product, as somebody types them at the scanner."""

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from afterglow.io.dicom_bytes import code, decimal, time
from afterglow.io.dicom_nouns import DicomSeries, DicomVisit
from afterglow.records.protocol import Injection


@dataclass(frozen=True)
class Product:
    """What is in the vial."""

    mmol_per_ml: float
    mg_per_ml: float | None
    sct: tuple[str, str]  # SNOMED code and meaning, DICOM PS3.16 CID 12


# Strengths as the products' labels print them: gadobutrol injection (DailyMed), Dotarem, Omniscan; Magnevist's molarity alone.
PRODUCTS = {
    "gadobutrol": Product(1.0, 604.72, ("407976008", "Gadobutrol")),
    "gadoterate": Product(0.5, 376.9, ("712714000", "Gadoterate meglumine")),
    "gadodiamide": Product(0.5, 287.0, ("354088005", "Gadodiamide")),
    "gadopentetate": Product(0.5, None, ("109216000", "Gadopentetate dimeglumine")),
}


def product_of(agent: str | None) -> Product | None:
    """The product of that name; None where the table does not have it, and then no volume is written."""
    words = (agent or "").lower()
    return next((row for name, row in PRODUCTS.items() if words.startswith(name)), None)


def volume_ml(injection: Injection, weight_kg: float | None) -> float | None:
    """Undiluted agent injected; None where dose, weight or product is not known."""
    product = product_of(injection.agent)
    if product is None or injection.dose_mmol_kg is None or weight_kg is None:
        return None
    return injection.dose_mmol_kg * weight_kg / product.mmol_per_ml


def classic_contrast(ds: Dataset, series: DicomSeries, visit: DicomVisit) -> None:
    """The Contrast/Bolus module (PS3.3 C.7.6.4)."""
    injection = series.injection
    if injection is None:
        return
    ds.ContrastBolusAgent = injection.agent or ""
    ds.ContrastBolusRoute = "IV"
    ds.ContrastBolusIngredient = "GADOLINIUM"
    volume, product = volume_ml(injection, visit.weight_kg), product_of(injection.agent)
    if volume is not None:
        ds.ContrastBolusVolume = ds.ContrastBolusTotalDose = decimal(round(volume, 6))
    if product is not None and product.mg_per_ml is not None:
        ds.ContrastBolusIngredientConcentration = decimal(product.mg_per_ml)
    if injection.start_s is not None:
        ds.ContrastBolusStartTime = time(series.moment(visit, injection.start_s))
    if injection.rate_ml_s is not None:
        ds.ContrastFlowRate = decimal(injection.rate_ml_s)


def enhanced_contrast(ds: Dataset, series: DicomSeries, visit: DicomVisit) -> None:
    """The Enhanced Contrast/Bolus module (PS3.3 C.7.6.4b)."""
    injection = series.injection
    if injection is None:
        return
    volume, product = volume_ml(injection, visit.weight_kg), product_of(injection.agent)
    name = injection.agent or "unknown"
    told = (product.sct[0], "SCT", product.sct[1]) if product else (name[:16], "99AFTERGLOW", name)
    agent = code(*told)[0]
    agent.ContrastBolusAgentNumber = 1
    agent.ContrastBolusAdministrationRouteSequence = code("47625008", "SCT", "Intravenous route")
    agent.ContrastBolusIngredientCodeSequence = code("58281002", "SCT", "Gadolinium")
    agent.ContrastBolusVolume = None if volume is None else decimal(round(volume, 6))
    agent.ContrastBolusIngredientConcentration = decimal(product.mg_per_ml) if product and product.mg_per_ml else None
    agent.ContrastAdministrationProfileSequence = Sequence([_profile(injection, series, visit, volume)])
    ds.ContrastBolusAgentSequence = Sequence([agent])


def _profile(injection: Injection, series: DicomSeries, visit: DicomVisit, volume: float | None) -> Dataset:
    item = Dataset()
    item.ContrastBolusVolume = None if volume is None else decimal(round(volume, 6))
    if injection.start_s is not None:
        item.ContrastBolusStartTime = time(series.moment(visit, injection.start_s))
    if injection.rate_ml_s is not None:
        item.ContrastFlowRate = decimal(injection.rate_ml_s)
        if volume is not None and injection.start_s is not None:
            seconds = volume / injection.rate_ml_s
            item.ContrastFlowDuration = decimal(round(seconds, 6))
            item.ContrastBolusStopTime = time(series.moment(visit, injection.start_s + seconds))
    return item
