import { get } from 'node:http';

/** Asks for a page every 5 ms, each time on a new connection, until stdin ends; then says how it went. */
const url = process.argv[2] ?? '';
const answers: Record<string, number> = {};
const problems: string[] = [];
const pending = new Set<Promise<void>>();

const ask = (): Promise<void> =>
  new Promise((resolve) => {
    const failed = (error: Error): void => {
      problems.push(error.message);
      resolve();
    };
    get(url, { agent: false, timeout: 5000 }, (response) => {
      let text = '';
      response.on('data', (piece) => {
        text += piece;
      });
      response.on('end', () => {
        answers[text.trim()] = (answers[text.trim()] ?? 0) + 1;
        resolve();
      });
      response.on('error', failed);
    }).on('error', failed);
  });

const timer = setInterval(() => {
  const asked = ask();
  pending.add(asked);
  void asked.then(() => pending.delete(asked));
}, 5);
process.stdin.resume().on('end', async () => {
  clearInterval(timer);
  await Promise.all(pending);
  process.stdout.write(JSON.stringify({ answers, problems }));
});
