import type { Threads } from '../threads.ts';

/** Where the executable has its parts; nothing is looked for on a disk there. */
const inExecutable = '/$bunfs/root/';

const partOf = (name: string): URL =>
  import.meta.url.includes(inExecutable)
    ? new URL(`file://${inExecutable}cmd/threads/${name}.js`)
    : new URL(`../../../cmd/threads/${name}.ts`, import.meta.url);

export const linuxThreads: Threads = {
  async start(name, { message, failed }) {
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker(partOf(name), { env: {}, execArgv: [] });
    worker.on('message', message);
    worker.on('error', failed);
    return {
      send: (what) => worker.postMessage(what),
      [Symbol.asyncDispose]: async () => void (await worker.terminate()),
    };
  },
};
