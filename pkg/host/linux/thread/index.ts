import { parentPort } from 'node:worker_threads';

export type Reply = (message: object) => void;

/** The other end of `Threads.start`: answers what is sent, one message after the other. */
export function serveThread<Message>(handle: (message: Message, reply: Reply) => void): void {
  const reply: Reply = (message) => parentPort?.postMessage(message);
  parentPort?.on('message', (message: Message) => handle(message, reply));
}
