import { MosError } from '../errors/index.ts';
import type { Which } from '../state/index.ts';

/** `7`, `current`, `next` or `good`, as a person names a generation. */
export function parseWhich(text: string): Which {
  if (text === 'current' || text === 'next' || text === 'good') return text;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new MosError('usage', `cannot use ${JSON.stringify(text.slice(0, 100))} as a generation`, {
    hint: 'give a number, or current, next or good; mosctl log lists them',
  });
}
