"""The table of quantities: every number that afterglow writes has one row here, and so one unit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """One measured thing: name, symbol, UCUM unit, codes, and the ranges it should and does get shown in.

    `sane` is where a value is physically possible; `display` is the window a reader expects.
    `caplex` follows OSIPI CAPLEX where an entry was confirmed, `dicom` is a PS3.16 code; empty where none exists.
    """

    name: str
    symbol: str
    unit: str
    long_name: str
    sane: tuple[float, float]
    display: tuple[float, float]
    caplex: str = ""
    dicom: str = ""
    colours: str = "perfusion"  # which colour table a map of it gets: perfusion, relaxation, diverging, error

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"quantity name {self.name!r} is not an identifier")
        for low, high in (self.sane, self.display):
            if not low < high:
                raise ValueError(f"quantity {self.name}: range {low} to {high} is empty")

    @property
    def unit_label(self) -> str:
        """The unit as a person reads it; nothing for a plain fraction."""
        return "" if self.unit == "1" else self.unit.replace("{", "").replace("}", "")


_ROWS = (
    Quantity("t1", "T1", "s", "longitudinal relaxation time", (0.0, 10.0), (0.0, 3.0), colours="relaxation"),
    Quantity("s0", "S0", "{arbitrary}", "equilibrium signal", (0.0, 1e9), (0.0, 1e4), colours="relaxation"),
    Quantity("ktrans", "Ktrans", "/min", "volume transfer constant", (0.0, 5.0), (0.0, 0.3), caplex="Q.PH1.008", dicom="126312"),
    Quantity("kep", "kep", "/min", "rate constant from tissue to plasma", (0.0, 60.0), (0.0, 2.0), caplex="Q.PH1.009", dicom="126313"),
    Quantity("ve", "ve", "1", "extravascular extracellular volume fraction", (0.0, 1.0), (0.0, 0.6), caplex="Q.PH1.001.[e]", dicom="126314"),
    Quantity("vp", "vp", "1", "plasma volume fraction", (0.0, 1.0), (0.0, 0.15), caplex="Q.PH1.001.[p]", dicom="126331"),
    Quantity("fp", "Fp", "mL/(100.mL)/min", "plasma flow", (0.0, 500.0), (0.0, 60.0), caplex="Q.PH1.002"),
    Quantity("ps", "PS", "/min", "permeability surface area product", (0.0, 5.0), (0.0, 0.3), caplex="Q.PH1.004"),
    Quantity("delay", "delay", "s", "arterial delay", (-60.0, 60.0), (-5.0, 10.0), caplex="Q.PH1.007", colours="diverging"),
    Quantity("iaugc60", "IAUGC60", "mmol/L.s", "initial area under the concentration curve, 60 s", (-100.0, 1e3), (0.0, 30.0), caplex="Q.CD1.013", dicom="126320"),
    Quantity("iaugc90", "IAUGC90", "mmol/L.s", "initial area under the concentration curve, 90 s", (-100.0, 1e3), (0.0, 45.0), caplex="Q.CD1.013", dicom="126321"),
    Quantity("iaugc120", "IAUGC120", "mmol/L.s", "initial area under the concentration curve, 120 s", (-100.0, 1e3), (0.0, 60.0)),
    Quantity("slope", "slope", "mmol/L/s", "steepest rise of concentration", (0.0, 10.0), (0.0, 0.05)),
    Quantity("ttp", "TTP", "s", "time from bolus arrival to peak concentration", (0.0, 3600.0), (0.0, 300.0), caplex="Q.CD1.010", colours="relaxation"),
    Quantity("signal_change", "dS", "%", "largest relative signal change", (-100.0, 1e4), (0.0, 200.0)),
    Quantity("peak", "Cpeak", "mmol/L", "largest concentration", (-1.0, 50.0), (0.0, 1.0)),
    Quantity("rms", "RMS", "mmol/L", "root mean square residual of the fit", (0.0, 10.0), (0.0, 0.05), colours="error"),
    Quantity("model_choice", "model", "1", "model with the least AICc, as index", (-1.0, 20.0), (0.0, 5.0), colours="relaxation"),
    Quantity("cbv", "CBV", "{relative}", "relative cerebral blood volume, gradient echo, leakage-corrected", (-100.0, 1e4), (0.0, 60.0)),
    Quantity("cbv_uncorrected", "CBVraw", "{relative}", "relative cerebral blood volume, gradient echo, not corrected for leakage", (-1e4, 1e4), (0.0, 60.0)),
    Quantity("rcbv", "rCBV", "{ratio}", "cerebral blood volume over reference tissue, gradient echo, leakage-corrected", (-100.0, 1e3), (0.0, 6.0), dicom="126398"),
    Quantity("srcbv", "srCBV", "{standard}", "standardised cerebral blood volume, gradient echo, leakage-corrected", (-1e6, 1e6), (0.0, 10.0)),
    Quantity("ucbv", "uCBV", "{relative}", "relative spin-echo CBV, leakage-corrected: weighted towards microvessels, no volume fraction", (-100.0, 1e4), (0.0, 20.0)),
    Quantity("ucbv_uncorrected", "uCBVraw", "{relative}", "relative spin-echo CBV, not corrected for leakage", (-1e4, 1e4), (0.0, 20.0)),
    Quantity("rucbv", "ruCBV", "{ratio}", "relative spin-echo CBV over reference tissue", (-100.0, 1e3), (0.0, 6.0)),
    Quantity("cbv_volume", "CBVq", "mL/(100.g)", "cerebral blood volume over the arterial area, with constants for haematocrit and density", (-100.0, 200.0), (0.0, 12.0)),
    Quantity("cbf", "CBF", "mL/(100.g)/min", "relative cerebral blood flow by deconvolution", (0.0, 2e3), (0.0, 120.0), dicom="126397"),
    Quantity("mtt", "MTT", "s", "relative mean transit time", (-100.0, 1e3), (0.0, 20.0), dicom="113052", colours="relaxation"),
    Quantity("tmax", "Tmax", "s", "time of the largest residue", (-100.0, 200.0), (-5.0, 15.0), dicom="113084", colours="relaxation"),
    Quantity("tumour_burden", "FTB", "1", "fractional tumour burden class by rCBV: 0 low, 1 between, 2 high", (-1.0, 3.0), (0.0, 2.0), colours="relaxation"),
    Quantity("mti", "MTI", "s-5/2", "microvessel type indicator, leakage-corrected", (-1e6, 1e6), (-30.0, 30.0), colours="diverging"),
    Quantity("mti_uncorrected", "MTIraw", "s-5/2", "microvessel type indicator, not corrected for leakage", (-1e6, 1e6), (-30.0, 30.0), colours="diverging"),
    Quantity("nmti", "nMTI", "1", "microvessel type indicator over the box of its loop, leakage-corrected", (-1.0, 1.0), (-0.2, 0.2), colours="diverging"),
    Quantity("nmti_uncorrected", "nMTIraw", "1", "microvessel type indicator over the box of its loop, not corrected for leakage", (-1.0, 1.0), (-0.2, 0.2), colours="diverging"),
    Quantity("mti_negative", "PMTIneg", "1", "probability that the microvessel type indicator is negative", (0.0, 1.0), (0.0, 1.0), colours="relaxation"),
    Quantity("loop_disagreement", "MTIflag", "1", "1 where correction for leakage turns the sign of the loop", (0.0, 1.0), (0.0, 1.0), colours="error"),
    Quantity("loop_confident", "MTIsure", "1", "1 where contrast to noise is at least 10 in both echoes", (0.0, 1.0), (0.0, 1.0), colours="relaxation"),
    Quantity("loop_axis", "axis", "{plane}", "long axis of the hysteresis loop", (0.0, 1e6), (0.0, 100.0), colours="relaxation"),
    Quantity("loop_slope", "slope", "s1/2", "slope of the long axis of the hysteresis loop", (-1e6, 1e6), (0.0, 20.0), colours="relaxation"),
    Quantity("peak_shift", "VIPS", "s", "peak of the gradient echo less that of the spin echo, after alignment", (-60.0, 60.0), (-1.0, 1.0), colours="diverging"),
    Quantity("cnr_ge", "CNRge", "1", "contrast to noise, gradient echo", (0.0, 1e5), (0.0, 60.0), colours="relaxation"),
    Quantity("cnr_se", "CNRse", "1", "contrast to noise, spin echo", (0.0, 1e5), (0.0, 30.0), colours="relaxation"),
    Quantity("noise_ge", "noiseGE", "/s", "noise of the rate before contrast, gradient echo", (0.0, 1e3), (0.0, 3.0), colours="error"),
    Quantity("noise_se", "noiseSE", "/s", "noise of the rate before contrast, spin echo", (0.0, 1e3), (0.0, 3.0), colours="error"),
    Quantity("leakage_ge", "K2ge", "/s", "leakage term K2, gradient echo: not a permeability; positive T1, negative T2*", (-10.0, 10.0), (-0.02, 0.02), colours="diverging"),
    Quantity("leakage_se", "K2se", "/s", "leakage term K2, spin echo: not a permeability; positive T1, negative T2", (-10.0, 10.0), (-0.02, 0.02), colours="diverging"),
    Quantity("vessel_radius", "R", "um", "vessel radius by the table of cylinders", (0.0, 1e3), (0.0, 40.0), colours="relaxation"),
    Quantity("vessel_size_index", "VSI", "um", "vessel size index by the closed formula, too large above about 10 um", (0.0, 1e4), (0.0, 80.0), colours="relaxation"),
    Quantity("vessel_density", "N", "/mm2", "vessel density", (0.0, 1e5), (0.0, 600.0), colours="relaxation"),
    Quantity("adc", "ADC", "mm2/s", "apparent diffusion coefficient", (0.0, 0.01), (0.0, 0.003), dicom="113041", colours="relaxation"),
    Quantity("volume", "V", "mL", "lesion volume", (0.0, 5e3), (0.0, 100.0)),
    Quantity("bidimensional_product", "A", "mm2", "largest product of perpendicular axial diameters", (0.0, 1e5), (0.0, 5e3)),
    Quantity("longest_diameter", "D", "mm", "longest axial diameter", (0.0, 500.0), (0.0, 100.0)),
    Quantity("longest_diameter_3d", "D3D", "mm", "longest diameter in any direction", (0.0, 500.0), (0.0, 100.0)),
    Quantity("product_3d", "A3D", "mm2", "longest diameter in any direction times the longest one across it", (0.0, 1e5), (0.0, 5e3)),
    Quantity("extraosseous_ap", "EAP", "mm", "extent outside the bone, front to back", (0.0, 500.0), (0.0, 60.0)),
    Quantity("extraosseous_lr", "ELR", "mm", "extent outside the bone, left to right", (0.0, 500.0), (0.0, 60.0)),
    Quantity("extraosseous_si", "ESI", "mm", "extent outside the bone, head to foot", (0.0, 500.0), (0.0, 60.0)),
    Quantity("naa", "NAA", "{institutional}", "signal of N-acetylaspartate at 2.01 ppm", (-1e9, 1e9), (0.0, 20.0)),
    Quantity("cr", "Cr", "{institutional}", "signal of creatine at 3.03 ppm", (-1e9, 1e9), (0.0, 20.0)),
    Quantity("cho", "Cho", "{institutional}", "signal of choline at 3.20 ppm", (-1e9, 1e9), (0.0, 20.0)),
    Quantity("lac", "Lac", "{institutional}", "signal of lactate at 1.33 ppm", (-1e9, 1e9), (0.0, 20.0)),
    Quantity("cho_naa", "Cho/NAA", "1", "ratio of the signals of choline and N-acetylaspartate", (0.0, 1e3), (0.0, 4.0)),
    Quantity("cho_naa_least", "min(Cho/NAA)", "1", "Cho/NAA is at least this: lower end of its 95 % interval by Fieller", (0.0, 1e6), (0.0, 4.0)),
    Quantity("cho_cr", "Cho/Cr", "1", "ratio of the signals of choline and creatine", (0.0, 1e3), (0.0, 4.0)),
    Quantity("cho_cr_least", "min(Cho/Cr)", "1", "Cho/Cr is at least this: lower end of its 95 % interval by Fieller", (0.0, 1e6), (0.0, 4.0)),
    Quantity("naa_cr", "NAA/Cr", "1", "ratio of the signals of N-acetylaspartate and creatine", (-1e3, 1e3), (0.0, 4.0)),
    Quantity("lac_cr", "Lac/Cr", "1", "ratio of the signals of lactate and creatine", (-1e3, 1e3), (0.0, 4.0)),
    Quantity("naa_crlb", "CRLB(NAA)", "%", "Cramer-Rao bound of NAA as a share of its signal", (0.0, 1e6), (0.0, 50.0), colours="error"),
    Quantity("cr_crlb", "CRLB(Cr)", "%", "Cramer-Rao bound of creatine as a share of its signal", (0.0, 1e6), (0.0, 50.0), colours="error"),
    Quantity("cho_crlb", "CRLB(Cho)", "%", "Cramer-Rao bound of choline as a share of its signal", (0.0, 1e6), (0.0, 50.0), colours="error"),
    Quantity("lac_crlb", "CRLB(Lac)", "%", "Cramer-Rao bound of lactate as a share of its signal", (0.0, 1e6), (0.0, 50.0), colours="error"),
    Quantity("mrs_snr", "SNR(MRS)", "1", "highest of NAA, Cr and Cho over the noise of the spectrum", (0.0, 1e5), (0.0, 40.0), colours="relaxation"),
    Quantity("mrs_width", "FWHM(NAA)", "Hz", "width of the line of NAA at half its height", (0.0, 100.0), (0.0, 15.0), colours="error"),
    Quantity("mrs_shift", "shift(MRS)", "Hz", "how far the lines of a voxel lie from their nominal place", (-500.0, 500.0), (-20.0, 20.0), colours="diverging"),
    Quantity("recurrence_probability", "p(recurrence)", "1", "probability that the tumour comes back in a voxel, by a trained model", (0.0, 1.0), (0.0, 1.0)),
)  # fmt: skip

QUANTITIES: dict[str, Quantity] = {row.name: row for row in _ROWS}
if len(QUANTITIES) != len(_ROWS):
    raise ValueError("two quantities share one name")
