// What JsSIP's own types refer to and no package here declares.
declare module "events" {
  export class EventEmitter {
    off(event: string, listener: (...args: never[]) => void): this;
    removeAllListeners(event?: string): this;
  }
}
declare module "debug" {
  export type Debug = { disable(): void; enable(namespaces: string): void };
}
