import { MosError } from '../errors/index.ts';

/** Lines at the end of a commit: `Release: 7`. FORMATS 6 names Release, Security-Version, Source and Reason. */
export type Trailers = readonly (readonly [key: string, value: string])[];
export type GenerationMessage = {
  readonly number: number;
  /** What changed, from the subject. */
  readonly summary: string;
  readonly trailers: Trailers;
};

const oneLine = /^[^\p{Cc}\u2028\u2029]+$/u;
const trailerLine = /^([A-Za-z][A-Za-z0-9-]{0,63}): ([^\p{Cc}\u2028\u2029]+)$/u;

export function renderMessage({ number, summary, trailers }: GenerationMessage): string {
  const lines = trailers.map(([key, value]) => `${key}: ${value}`);
  for (const [index, line] of [`generation ${number}: ${summary}`, ...lines].entries())
    if (!(index === 0 ? oneLine : trailerLine).test(line) || line.length > 1000)
      throw new MosError('internal', `cannot write ${JSON.stringify(line.slice(0, 100))} into a commit`);
  return `generation ${number}: ${summary}\n${lines.length === 0 ? '' : `\n${lines.join('\n')}\n`}`;
}

/** undefined for a commit that is not of a generation. */
export function parseMessage(text: string): GenerationMessage | undefined {
  const [subject = '', ...rest] = text.trimEnd().split('\n');
  const match = /^generation ([1-9]\d{0,8}): (.+)$/.exec(subject);
  if (match === null) return undefined;
  const lastParagraph = rest.slice(rest.lastIndexOf('') + 1);
  const trailers = lastParagraph.flatMap((line) => {
    const trailer = trailerLine.exec(line);
    return trailer === null ? [] : [[trailer[1] ?? '', trailer[2] ?? ''] as const];
  });
  return { number: Number(match[1]), summary: match[2] ?? '', trailers };
}

/** The first value of a trailer. */
export const trailer = (trailers: Trailers, key: string): string | undefined =>
  trailers.find(([name]) => name === key)?.[1];

/** A trailer that is a whole number; undefined where it is missing or is none. */
export function numberTrailer(trailers: Trailers, key: string): number | undefined {
  const value = trailer(trailers, key);
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
