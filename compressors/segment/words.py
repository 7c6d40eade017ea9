"""Words that decide whether a full stop ends a sentence: a modest set for English, German, French, Spanish.

Abbreviations are written without their last full stop.
"""

from __future__ import annotations

__all__ = [
    "ALWAYS",
    "BEFORE_NUMBERS",
    "GERMAN",
    "LABELS",
    "MONTHS",
    "NAMES",
    "PARTICLES",
    "PRONOUNS",
    "SAYING",
    "SOMETIMES",
    "STARTERS",
]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


ALWAYS = _set("""
    Mr Mrs Ms Mx Messrs Dr Drs Prof Profs Rev Revd Fr Gen Sen Sens Rep Reps Gov Govs Capt Cpt Col Lt Cdr
    Cmdr Sgt Cpl Pvt Maj Adm Brig Supt Hon Pres Msgr Atty Mt Mts Ft Ste Mme Mmes Mlle Mlles MM Sra Srta
    Sres Dra Dña Dipl Ing Hr Hrn Frl Rt Pte Pty e.g i.e eg ie cf viz approx vs esp incl excl resp ca bzw
    z.B d.h u.a z.T s.o s.u v.a i.d.R u.U bspw sog vgl Vgl evtl ggf zzgl inkl exkl geb gest zw p.ex c.-à-d
    p.ej env av apr lit syn orig transl pron abbr a.k.a aka डॉ
""")
"""A sentence never ends behind these: something always follows."""

SOMETIMES = _set("""
    Inc Ltd Co Cos Corp Bros LLC plc Jr Sr Esq St al Assn Ave Blvd Rd Hwy Dept Univ Inst Mfg Intl Natl Jan
    Feb Mar Apr Jun Jul Aug Sep Sept Okt Oct Nov Dez Dec janv févr juil déc ene abr ago dic Mon Tue Tues
    Wed Thu Thur Thurs Fri Sat Ala Ariz Calif Colo Conn Del Fla Ga Ill Ind Kan Ky Mass Md Mich Minn Mo
    Mont Neb Nev Okla Ore Pa Penn Tenn Tex Va Vt Wash Wis Wyo Cal Str str usw etc ed eds trans op repr rev
    ser ff et seq ibid Ph Sc Jos Thos Wm Chas Geo Alex Jas Ms Mss Abs Aufl Hrsg hg Jh Jhd Jhdt Std Tel tel
    Ud Uds Vd Vds Ing Lic Cía Cia Dist Div Bd Bde Mgr a.m p.m A.M P.M
""")
"""They end a sentence only where the next word is one that begins sentences."""

BEFORE_NUMBERS = _set("""
    No Nos no nos Nr Nrn Fig Figs fig figs Eq Eqs eq Sec Secs sec Sect Ch ch Chap Vol Vols vol Art Arts
    art Abs p pp S s Pt pt Pl pl Op op Ex ex Par par Kap Abb Tab Taf Bd n N núm Núm pág págs cap nº App
    app Ref ref Rz Ziff Lfg Hft Stk Rev v V ver
""")
"""They are abbreviations where a number follows."""

_ENGLISH = """
    The This That These Those There Then Thus Therefore Though Through Throughout He She It They We You I
    A An His Her Its Their Our My Your In On At By For From With Without Within As After Afterwards
    Although Among Amongst Before During When While Where Whereas Which Who Whose What Why How If But And
    Or Nor So Yet However Because Since Both Each Every Either Neither Many Most Much Some Several Such
    Other Others Another All Any One Two Three Few Not No Also Here According Today Later Meanwhile
    Despite Until Following Currently Originally Once Under Upon Over To Of Instead Furthermore Moreover
    Nevertheless Additionally Besides Between Due Eventually Finally First Initially Let Only Perhaps
    Previously Recently Still Subsequently Unlike Usually Using Is Are Was Were Do Does Did Has Have Had
    Can Could Would Should Might Please Yes See Note It's He's She's I'm They're We're There's That's Born
"""
_OTHERS = """
    Der Die Das Den Dem Des Ein Eine Einen Einem Einer Er Sie Es Wir Ihr Ich Im Am Auf Aus Bei Beim Bis
    Mit Nach Von Vom Vor Zu Zum Zur Seit Seine Ihre Dies Diese Dieser Dieses Dort Da Dann Doch Aber Und
    Oder Auch Als Wenn Weil Nun Man Nicht Kein Keine Heute Später Danach Dabei Damit Daher Deshalb Durch
    Für Gegen Ohne Über Unter Wie Was Wer Wo Le La Les Un Une Du De Il Elle Ils Elles On Nous Vous Je Ce
    Cet Cette Ces Dans En Au Aux Avec Pour Par Sur Sous Mais Et Ou Donc Or Ni Car Son Sa Ses Leur Leurs
    Après Avant Depuis Puis Ensuite Enfin Cependant Ainsi Selon El Los Las Una Uno Unos Unas Lo Al Del Él
    Ella Ellos Ellas Yo Usted Ustedes Nosotros Este Esta Esto Estos Estas Ese Esa Pero Sin Con Para Por
    Según Desde Hasta Cuando Donde Como Si No Su Sus Se Después Antes Entonces Luego Más
"""
STARTERS = _set(_ENGLISH) | _set(_OTHERS)
"""Capitalised words that are hardly ever part of a name: behind an abbreviation they begin a sentence."""

PARTICLES = _set(
    "Le La Les De Des Du Un Une Der Die Das Den Dem Von Vom Zu Zum Zur Al Del El Los Las Y Con Son Man In On"
)
"""Starters that also begin surnames: behind an initial they decide nothing."""

PRONOUNS = _set("he she it they we this there his her its the i")
"""Behind a whole word and a full stop these begin a sentence even in lower case."""

LABELS = _set("""
    War Act Part Phase Type Class Category Chapter Book Stage Division Group Vitamin vitamin Plan Level
    Grade Schedule Title Appendix Figure Table Section Option Hepatitis hepatitis Typ Teil Klasse Gruppe
    Kapitel Band Abschnitt Partie Parte
""")
"""A single letter behind one of these is a label (``World War I.``), not an initial."""

MONTHS = _set("""
    January February March April May June July August September October November December Jan Feb Mar Apr
    Jun Jul Aug Sep Sept Oct Nov Dec Januar Jänner Februar März Mai Juni Juli Oktober Dezember Okt Dez
    janvier février mars avril mai juin juillet août septembre octobre novembre décembre enero febrero
    marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre
""")

NAMES = _set(
    "Yahoo! Jeopardy! Oklahoma! Wham! Panic! Airplane! Oliver! Hello! OK! Yu-Gi-Oh! E! Who? Joomla! Chess.com"
)
"""Names that bring their own ``!`` or ``?``."""

SAYING = _set("""
    said says asked asks replied replies answered cried cries shouted whispered exclaimed added wrote
    writes thought sagte fragte rief antwortete meinte dit demanda répondit dijo preguntó respondió
""")
"""Verbs behind direct speech: ``"Go!" John said.`` is one sentence."""

GERMAN = _set(
    "der die das und ist nicht mit von dem den ein eine wurde für auf im am zum zur sich auch als wird"
)
"""Two of these mark a paragraph as German, where ``3.`` is an ordinal."""
