import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process that runs already; it is told a word and answers with the milliseconds that it took for it. */
export type Told = { tell(word: string): Promise<number>; end(): void };

export function startTold(program: string, ...words: readonly string[]): Told {
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async tell(word) {
      child.stdin.write(`${word}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`${program} ended`);
      return Number(value);
    },
    end: () => child.stdin.end(),
  };
}

/** The other end of it. */
export async function answerWords(words: Readonly<Record<string, () => Promise<unknown>>>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const started = performance.now();
    await words[line]?.();
    process.stdout.write(`${performance.now() - started}\n`);
  }
}
