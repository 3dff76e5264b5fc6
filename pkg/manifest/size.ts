const units: Readonly<Record<string, number>> = { '': 1, M: 1, G: 1024, T: 1024 * 1024 };

/** A size in MiB: a number of MiB, or `512M`, `30G`, `2T` (also `30GiB`); undefined where it is none. */
export function parseMebibytes(value: unknown): number | undefined {
  const match = /^([1-9]\d{0,11})(?:([MGT])(?:iB)?)?$/.exec(
    typeof value === 'number' ? String(value) : asText(value),
  );
  const size = match === null ? 0 : Number(match[1]) * (units[match[2] ?? ''] ?? 0);
  return Number.isSafeInteger(size) && size > 0 ? size : undefined;
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : '');
