// JsSIP, loaded only where a browser phone is used. It is CommonJS: its names are known to a static import alone.

export { UA, WebSocketInterface } from "jssip";
